//! The facts of a request that is over, and the words that are made of them.

use headgate_record::{Decision, EndedBy, RejectedBy, Usage, Verdict};

/// The facts of a request that is over. Names are those of the policy; a name that is not in it is left out.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts<'a> {
    /// The record's word for the surface.
    pub surface: &'static str,
    /// The alias; empty if the request named none.
    pub model: &'a str,
    /// The provider that answered; empty if none did.
    pub provider: &'a str,
    /// Whether it is a stream.
    pub stream: bool,
    /// Status that the client received; 0 without one.
    pub status: u16,
    /// The party that ended it.
    pub ended_by: EndedBy,
    /// The party that rejected it.
    pub rejected_by: Option<RejectedBy>,
    /// Whether a provider was tried.
    pub tried: bool,
    /// From its first byte to the last of its answer, µs.
    pub duration_us: u64,
    /// From its first byte to the first of its answer's body, µs.
    pub first_byte_us: Option<u64>,
    /// Its tokens.
    pub usage: Option<Usage>,
    /// Its cost.
    pub nano_usd: Option<u64>,
    /// The decisions on it.
    pub decisions: &'a [Decision],
}

/// Stages that refuse, by the word of their decisions.
const STAGES: [&str; 5] = ["keys", "routing", "limits", "budgets", "guardrails"];

impl RequestFacts<'_> {
    /// Returns the operation, as the GenAI conventions name it.
    pub(crate) fn operation(&self) -> &'static str {
        match self.surface {
            "chat_completions" | "messages" => "chat",
            "completions" => "text_completion",
            "unknown" => "",
            same => same,
        }
    }

    /// Returns the class of the status; empty without one.
    pub(crate) fn status_class(&self) -> &'static str {
        match self.status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "",
        }
    }

    /// Returns the outcome, as the collector names it.
    pub(crate) fn outcome(&self) -> &'static str {
        match (self.rejected_by, self.ended_by, self.status) {
            (Some(RejectedBy::Gateway), _, _) | (Some(RejectedBy::Host), _, 400..=499) => "refused",
            (_, EndedBy::Client, _) => "aborted",
            (_, EndedBy::Complete, 100..=399) => "success",
            _ => "error",
        }
    }

    /// Returns the stage that refused the request: that of the last decision against it. Without one it is `providers` where
    /// none of those that were tried answered, else `request`, whose form was refused. Empty if the gateway refused nothing.
    pub(crate) fn stage(&self) -> &'static str {
        if self.rejected_by != Some(RejectedBy::Gateway) {
            return "";
        }
        let denied = self.decisions.iter().rev().find(|decision| decision.verdict == Verdict::Deny);
        match denied {
            Some(decision) => STAGES.into_iter().find(|stage| *stage == decision.stage).unwrap_or("other"),
            None if self.tried => "providers",
            None => "request",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const SERVED: RequestFacts<'static> = RequestFacts {
        surface: "chat_completions",
        model: "chat",
        provider: "alpha",
        stream: false,
        status: 200,
        ended_by: EndedBy::Complete,
        rejected_by: None,
        tried: true,
        duration_us: 1_499,
        first_byte_us: Some(1_200),
        usage: None,
        nano_usd: None,
        decisions: &[],
    };

    #[test]
    fn operations_are_those_of_the_conventions() {
        let of = |surface| RequestFacts { surface, ..SERVED }.operation();
        assert_eq!((of("chat_completions"), of("messages")), ("chat", "chat"));
        assert_eq!((of("completions"), of("embeddings")), ("text_completion", "embeddings"));
        assert_eq!((of("models"), of("count_tokens"), of("unknown")), ("models", "count_tokens", ""));
    }

    #[test]
    fn each_end_has_an_outcome() {
        let of = |status, ended_by, rejected_by| {
            let facts = RequestFacts { status, ended_by, rejected_by, ..SERVED };
            (facts.status_class(), facts.outcome())
        };
        assert_eq!(of(200, EndedBy::Complete, None), ("2xx", "success"));
        assert_eq!(of(429, EndedBy::Gateway, Some(RejectedBy::Gateway)), ("4xx", "refused"));
        assert_eq!(of(429, EndedBy::Complete, Some(RejectedBy::Provider)), ("4xx", "error"));
        assert_eq!(of(429, EndedBy::Complete, Some(RejectedBy::Host)), ("4xx", "refused"));
        assert_eq!(of(502, EndedBy::Complete, Some(RejectedBy::Host)), ("5xx", "error"));
        assert_eq!(of(200, EndedBy::Provider, None), ("2xx", "error"));
        assert_eq!(of(0, EndedBy::Client, None), ("", "aborted"));
        assert_eq!(of(65_535, EndedBy::Complete, None), ("", "error"));
    }

    #[test]
    fn a_refusal_names_its_stage() {
        let denied = |stage: &str| Decision { stage: stage.to_owned(), verdict: Verdict::Deny, ..Decision::default() };
        let of = |decisions: &[Decision], tried| {
            RequestFacts { rejected_by: Some(RejectedBy::Gateway), decisions, tried, ..SERVED }.stage()
        };
        for stage in STAGES {
            let allowed = Decision { stage: "keys".to_owned(), ..Decision::default() };
            assert_eq!(of(&[allowed, denied(stage)], false), stage);
        }
        assert_eq!(of(&[denied("invented; =")], false), "other");
        assert_eq!((of(&[], true), of(&[], false)), ("providers", "request"));
        assert_eq!(RequestFacts { decisions: &[denied("keys")], ..SERVED }.stage(), "");
    }
}
