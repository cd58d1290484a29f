//! Records on the page: the sample trace, and rows.

use headgate_collector_packet::page::{SampleTrace, Table};
use headgate_collector_types::visible;
use headgate_record::RequestRecord;
use serde::Serialize;

/// The heads of [`row`].
pub(super) const ROW_HEAD: [&str; 9] =
    ["started", "id", "status", "requested model", "provider", "served model", "key", "tokens", "cost, USD"];

/// Returns a word of a vocabulary.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

fn shown(text: Option<&str>) -> String {
    text.map(visible).unwrap_or_default()
}

/// Returns the record of a line as a row.
pub(super) fn row(line: &[u8]) -> Vec<String> {
    let Ok(record) = serde_json::from_slice::<RequestRecord>(line) else { return vec!["unreadable".to_owned()] };
    let served = record.served_by.as_ref();
    let tokens = record.usage.map(|usage| usage.input_tokens.saturating_add(usage.output_tokens));
    vec![
        crate::csv::time(record.started_at),
        visible(&record.id),
        record.status.to_string(),
        shown(record.requested_model.as_deref()),
        shown(served.map(|served| served.provider.as_str())),
        shown(served.map(|served| served.model.as_str())),
        shown(record.caller.as_ref().map(|caller| caller.key_id.as_str())),
        tokens.map(|tokens| tokens.to_string()).unwrap_or_default(),
        record.cost.as_ref().map(|cost| crate::csv::usd(cost.nano_usd)).unwrap_or_default(),
    ]
}

/// Returns the sample trace: what happened to one request, in order.
pub(super) fn sample(index: u64, record: &RequestRecord, revision: Option<i64>) -> SampleTrace {
    let time = |after: u64| crate::csv::time(record.started_at.saturating_add(after));
    let mut rows = vec![vec![time(0), "request began".to_owned(), shown(record.requested_model.as_deref())]];
    for decision in &record.decisions {
        let said =
            [decision.policy_id.as_deref(), decision.reason.as_deref()].into_iter().flatten().collect::<Vec<_>>();
        let result = format!("{} {}", word(&decision.verdict), said.join(" "));
        rows.push(vec![String::new(), format!("decision of {}", visible(&decision.stage)), visible(result.trim())]);
    }
    for attempt in &record.attempts {
        let status = attempt.status.map_or("no status".to_owned(), |status| format!("status {status}"));
        let error = attempt.error.map(|error| format!(", {}", error.as_str())).unwrap_or_default();
        let step =
            format!("{} attempt at {} / {}", word(&attempt.kind), visible(&attempt.provider), visible(&attempt.model));
        rows.push(vec![time(attempt.started_after_us), step, format!("{status}{error}, {} µs", attempt.latency_us)]);
    }
    let result = format!("status {}, ended by {}", record.status, record.ended_by.as_str());
    rows.push(vec![time(record.duration_us), "request ended".to_owned(), result]);
    SampleTrace {
        id: visible(&record.id),
        steps: Table { head: vec!["time", "step", "result"], rows },
        record: visible_lines(&serde_json::to_string_pretty(record).unwrap_or_default()),
        revision,
        index,
    }
}

fn visible_lines(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}
