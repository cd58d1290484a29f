//! The sentence that says what happened to a request, and why.

use crate::text;
use headgate_collector_types::{RequestOutcome, visible};
use headgate_record::{AttemptRecord, Decision, RequestRecord, Verdict};

/// Returns one or two sentences.
pub(super) fn sentence(record: &RequestRecord) -> String {
    visible(&match RequestOutcome::of(record) {
        RequestOutcome::Success => success(record),
        RequestOutcome::Refused => refused(record),
        RequestOutcome::Aborted => aborted(record),
        RequestOutcome::Error => error(record),
    })
}

fn success(record: &RequestRecord) -> String {
    let time = text::duration(record.duration_us);
    let Some(served) = &record.served_by else { return format!("Answered by Headgate in {time}.") };
    let tries = match record.attempts.len() {
        0 | 1 => String::new(),
        tries => format!(" after {} failed {}", tries - 1, if tries == 2 { "try" } else { "tries" }),
    };
    format!("Answered by {} with {} in {time}{tries}.", served.provider, served.model)
}

fn refused(record: &RequestRecord) -> String {
    let denied = record.decisions.iter().rev().find(|decision| decision.verdict == Verdict::Deny);
    let because = denied.map_or_else(String::new, cause);
    let code = record
        .error_code
        .as_deref()
        .map_or_else(String::new, |code| format!(" The client got {} with code {code}.", record.status));
    format!("Refused by Headgate{because}.{code}")
}

fn cause(decision: &Decision) -> String {
    let policy = decision.policy_id.as_deref().map_or_else(String::new, |id| format!(" {id}"));
    let reason = decision.reason.as_deref().map_or_else(String::new, |reason| format!(", reason {reason}"));
    let figures = match (decision.observed, decision.limit) {
        (Some(observed), Some(limit)) => format!(": {} of {}", text::count(observed), text::count(limit)),
        (Some(observed), None) => format!(": {}", text::count(observed)),
        _ => String::new(),
    };
    format!(" at stage {}{policy}{figures}{reason}", decision.stage)
}

fn aborted(record: &RequestRecord) -> String {
    let time = text::duration(record.duration_us);
    match record.status {
        0 => format!("The client left after {time}, before there was an answer."),
        _ => format!("The client left after {time}, in the middle of the answer."),
    }
}

fn error(record: &RequestRecord) -> String {
    let tries: Vec<_> = record.attempts.iter().filter(|attempt| attempt.error.is_some()).map(failure).collect();
    match (tries.is_empty(), record.status) {
        (true, status) if record.attempts.is_empty() => {
            format!("The request ended with status {status}; no provider was tried.")
        }
        (true, status) => format!("The request ended with status {status}."),
        (false, 100..=399) => format!("The answer broke off. {}", tries.join(" ")),
        (false, status) => format!("The client got {status}. {}", tries.join(" ")),
    }
}

fn failure(attempt: &AttemptRecord) -> String {
    let status = attempt.status.map_or_else(String::new, |status| format!(" with status {status}"));
    let own = attempt.provider_error.as_deref().map_or_else(String::new, |error| format!(" ({error})"));
    let error = attempt.error.map_or("", |error| error.as_str());
    format!("{} failed{status}: {error}{own}.", attempt.provider)
}

#[cfg(test)]
mod tests {
    use super::sentence;
    use headgate_record::{
        AttemptError, AttemptKind, AttemptRecord, Decision, EndedBy, RejectedBy, RequestRecord, ServedBy, Verdict,
    };

    fn attempt(provider: &str, error: Option<AttemptError>) -> AttemptRecord {
        AttemptRecord {
            provider: provider.to_owned(),
            model: "m".to_owned(),
            kind: AttemptKind::First,
            status: error.map(|_| 503),
            error,
            provider_error: error.map(|_| "overloaded".to_owned()),
            started_after_us: 0,
            latency_us: 1,
            span_id: None,
        }
    }

    #[test]
    fn each_ending_has_its_sentence() {
        let base = RequestRecord { status: 200, duration_us: 1_500_000, ..RequestRecord::default() };
        let served_by = Some(ServedBy { provider: "beta".to_owned(), model: "m2".to_owned() });
        let attempts = vec![attempt("alpha", Some(AttemptError::ServerError)), attempt("beta", None)];
        let answered = RequestRecord { served_by, attempts: attempts.clone(), ..base.clone() };
        assert_eq!(sentence(&answered), "Answered by beta with m2 in 1.50 s after 1 failed try.");
        let denied = Decision {
            stage: "limits".to_owned(),
            policy_id: Some("per-key".to_owned()),
            verdict: Verdict::Deny,
            observed: Some(61),
            limit: Some(60),
            ..Decision::default()
        };
        let refused = RequestRecord {
            status: 429,
            decisions: vec![denied],
            rejected_by: Some(RejectedBy::Gateway),
            error_code: Some("rate_limit_exceeded".to_owned()),
            ..base.clone()
        };
        assert_eq!(
            sentence(&refused),
            "Refused by Headgate at stage limits per-key: 61 of 60. The client got 429 with code rate_limit_exceeded."
        );
        let left = RequestRecord { status: 0, ended_by: EndedBy::Client, ..base.clone() };
        assert_eq!(sentence(&left), "The client left after 1.50 s, before there was an answer.");
        let failed = RequestRecord { status: 503, attempts: attempts.into_iter().take(1).collect(), ..base };
        assert_eq!(sentence(&failed), "The client got 503. alpha failed with status 503: server_error (overloaded).");
    }
}
