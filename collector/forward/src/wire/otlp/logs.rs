//! A log record for each entry: the body is the entry, the attributes are its members.

use super::attributes::all;
use crate::event::Event;
use crate::format::object;
use crate::settings::Settings;
use serde_json::{Value, json};

/// Severity numbers.
const INFO: u8 = 9;
const WARN: u8 = 13;

pub(super) fn record(settings: &Settings, event: &Event) -> Value {
    let ns = i128::from(event.time_us()).saturating_mul(1_000).to_string();
    let (number, text) = if event.is_success() { (INFO, "INFO") } else { (WARN, "WARN") };
    let mut record = json!({
        "timeUnixNano": ns,
        "observedTimeUnixNano": ns,
        "severityNumber": number,
        "severityText": text,
        "eventName": format!("headgate.{}", event.kind()),
        "body": {"stringValue": object(event, settings.format)},
        "attributes": all(settings, event),
    });
    if let Value::Object(members) = &mut record {
        for (ours, theirs) in [("trace_id", "traceId"), ("span_id", "spanId")] {
            members.extend(event.text_at(ours).map(|id| (theirs.to_owned(), json!(id))));
        }
    }
    record
}
