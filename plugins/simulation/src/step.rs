//! The steps of a request, as a timeline shows them.

use headgate_limits::{Count, Kind, Rule, Unit};
use headgate_policy::document::Action;
use headgate_policy::{RequestFinding, TargetOut, TargetState};
use serde::Serialize;
use std::collections::BTreeMap;

/// A step, and when it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimedStep {
    /// After the request's headers, µs.
    pub at_us: u64,
    /// The step.
    #[serde(flatten)]
    pub step: Step,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// The client's request arrives.
    Arrives {
        /// Headers, `:method` and `:path` among them.
        headers: BTreeMap<String, String>,
        /// Bytes of the body.
        body_bytes: usize,
    },
    /// The targets of the model: their order, or the reason why they are out.
    Route {
        /// All of them, in the order of the policy.
        targets: Vec<TargetRow>,
    },
    /// The limits and budgets that apply.
    Counts {
        /// Before the request, with its reservation, or when it is over.
        when: CountedWhen,
        /// One for each meter.
        counts: Vec<CountRow>,
    },
    /// Guardrails found something in the client's body.
    Findings {
        /// In the order of the body.
        found: Vec<FindingRow>,
    },
    /// An external check is asked.
    Asks {
        /// Its cluster.
        cluster: String,
        /// The question, JSON.
        body: String,
        /// Status of the answer; none if there was none.
        status: Option<u16>,
        /// The answer.
        answer: String,
    },
    /// The gateway puts another body in the place of the client's.
    Masks {
        /// The body from which every try starts.
        body: String,
    },
    /// The gateway answers by itself.
    Replies {
        /// Status.
        status: u16,
        /// Body.
        body: String,
    },
    /// A try begins.
    Tries {
        /// The provider's cluster.
        provider: String,
        /// Headers that it receives, `:path` among them.
        headers: BTreeMap<String, String>,
        /// Body that it receives.
        body: String,
    },
    /// A try ends without an answer.
    Fails {
        /// The reason.
        failure: &'static str,
        /// Whether another try follows.
        again: bool,
    },
    /// A provider answers.
    Answers {
        /// Status.
        status: u16,
        /// Headers of the provider.
        headers: BTreeMap<String, String>,
        /// Whether another try follows in place of this answer.
        again: bool,
    },
    /// A target rests.
    Rests {
        /// `provider/model`.
        target: String,
        /// Until then, ms since the Unix epoch.
        until_ms: u64,
        /// Whether it is skipped, and not only tried last.
        skipped: bool,
    },
    /// A chunk of the answer passes.
    Chunk {
        /// As it came.
        received: String,
        /// As the client gets it; empty if it is held back.
        sent: String,
        /// Bytes that came and did not go on yet, or will not.
        held_bytes: usize,
    },
    /// The client has the whole answer, or as much as there is.
    Ends {
        /// Whether the gateway cut the stream.
        cut: bool,
    },
}

/// When limits and budgets were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CountedWhen {
    /// Before the request.
    Before,
    /// With its reservation.
    Reserved,
    /// When it is over.
    After,
}

/// A target of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetRow {
    /// The provider's name.
    pub provider: String,
    /// The provider's model.
    pub model: String,
    /// Its tier.
    pub tier: u32,
    /// Its weight.
    pub weight: u32,
    /// Its place in the plan, from 0.
    pub place: Option<usize>,
    /// Whether it comes last, because it failed lately.
    pub degraded: bool,
    /// The reason why it is out.
    pub out: Option<String>,
}

impl From<TargetState> for TargetRow {
    fn from(state: TargetState) -> Self {
        let TargetState { provider, model, tier, weight, place, degraded, out } = state;
        let out = out.map(|out| match out {
            TargetOut::OutOfRotation => "its weight is 0".to_owned(),
            TargetOut::Condition("api") => "it has another API".to_owned(),
            TargetOut::Condition(part) => format!("`when.{part}` does not hold"),
            TargetOut::CoolingDown(_) => "it asked to be left alone (Retry-After)".to_owned(),
            TargetOut::NotPlanned => "the request was refused before a plan was made".to_owned(),
        });
        Self { provider, model, tier, weight, place, degraded, out }
    }
}

/// A count of a limit or a budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CountRow {
    /// `limit` or `budget`.
    pub kind: &'static str,
    /// Id of the rule.
    pub rule: String,
    /// `requests`, `tokens`, `nano_usd` and so on.
    pub unit: &'static str,
    /// `minute`, `month` and so on; none for a count without windows.
    pub period: Option<&'static str>,
    /// The values of `per`.
    pub subject: Vec<String>,
    /// Used.
    pub used: u64,
    /// Reserved.
    pub reserved: u64,
    /// Most there may be.
    pub max: u64,
    /// End of the window, s since the Unix epoch.
    pub ends_at: Option<u64>,
    /// Whether the rule only watches.
    pub monitor: bool,
}

impl CountRow {
    pub(crate) fn new(rule: &Rule, count: Count) -> Self {
        let meter = rule.meters.get(count.meter);
        Self {
            kind: if rule.kind == Kind::Budget { "budget" } else { "limit" },
            rule: rule.id.clone(),
            unit: meter.map_or(Unit::Requests, |meter| meter.unit).as_str(),
            period: meter.and_then(|meter| meter.period).map(|period| period.as_str()),
            subject: count.subject,
            used: count.used,
            reserved: count.reserved,
            max: count.max,
            ends_at: count.ends_at,
            monitor: rule.monitor || rule.warn_only,
        }
    }
}

/// A finding of a guardrail in the client's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingRow {
    /// Id of the guardrail.
    pub guardrail: String,
    /// `block`, `mask` or `monitor`.
    pub action: &'static str,
    /// The kind, such as `email`.
    pub kind: &'static str,
    /// First character of the body, counted in UTF-16 units as JavaScript does.
    pub start: usize,
    /// End.
    pub end: usize,
}

/// Returns the findings in the order of the body, with their places in UTF-16 units.
pub(crate) fn finding_rows(mut found: Vec<RequestFinding>, body: &str) -> Vec<FindingRow> {
    found.sort_by_key(|finding| (finding.at.start, finding.at.end));
    let mut places: Vec<usize> = found.iter().flat_map(|finding| [finding.at.start, finding.at.end]).collect();
    places.sort_unstable();
    places.dedup();
    let units = utf16_units(body, &places);
    let unit = |at: usize| units.get(&at).copied().unwrap_or(0);
    let row = |finding: RequestFinding| FindingRow {
        action: match finding.action {
            Action::Block => "block",
            Action::Mask => "mask",
            Action::Monitor => "monitor",
        },
        start: unit(finding.at.start),
        end: unit(finding.at.end),
        guardrail: finding.guardrail,
        kind: finding.kind,
    };
    found.into_iter().map(row).collect()
}

/// Returns the number of UTF-16 units before each of these places, which are in order, in one pass.
fn utf16_units(body: &str, places: &[usize]) -> BTreeMap<usize, usize> {
    let (mut counted, mut at) = (0, 0);
    let mut units = BTreeMap::new();
    for place in places {
        counted += body.get(at..*place).map_or(0, |text| text.encode_utf16().count());
        at = *place;
        units.insert(at, counted);
    }
    units
}

#[cfg(test)]
mod tests {
    use super::utf16_units;

    #[test]
    fn places_are_counted_as_javascript_counts() {
        let body = "aä€😀b";
        let units = utf16_units(body, &[1, 3, 6, 10, 11]);
        assert_eq!(units.into_values().collect::<Vec<_>>(), [1, 2, 3, 5, 6]);
    }
}
