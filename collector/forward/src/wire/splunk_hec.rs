//! Splunk's HTTP Event Collector.

use super::{Answer, Call, compressed};
use crate::event::Event;
use crate::format::object;
use crate::settings::Settings;
use crate::verdict::{Fault, Verdict, of_status};
use serde_json::{Value, json};

/// Codes of answers, as Splunk documents them.
mod code {
    pub(super) const SUCCESS: i64 = 0;
    pub(super) const NO_DATA: i64 = 5;
    pub(super) const INVALID_DATA: i64 = 6;
    pub(super) const EVENT_REQUIRED: i64 = 12;
    pub(super) const EVENT_BLANK: i64 = 13;
    pub(super) const INDEXED_FIELDS: i64 = 15;
}

/// Returns the call: JSON objects one after another.
pub(super) fn call(settings: &Settings, channel: &str, events: &[Event]) -> Call {
    let mut body = String::new();
    for event in events {
        let us = event.time_us();
        let head = json!({
            "time": format!("{}.{:06}", us.div_euclid(1_000_000), us.rem_euclid(1_000_000)),
            "host": event.host(),
            "source": "headgate",
            "sourcetype": format!("headgate:{}", event.kind()),
            "index": settings.index,
            "fields": {"headgate_id": event.id(), "headgate_position": event.position.to_string()},
        });
        body.push_str(&with_event(head, &object(event, settings.format)));
        body.push('\n');
    }
    let (mut headers, body) = compressed("application/json", body.as_bytes());
    if let Some(token) = &settings.token {
        headers.push(("authorization", format!("Splunk {}", token.0)));
    }
    headers.push(("x-splunk-request-channel", channel.to_owned()));
    Call { path: "/services/collector/event", headers, body }
}

/// Returns an object with `event`, whose JSON is taken as it is.
fn with_event(mut head: Value, event: &str) -> String {
    if let Value::Object(members) = &mut head {
        members.retain(|_, value| !value.is_null());
    }
    let head = head.to_string();
    let open = head.strip_suffix('}').unwrap_or_default();
    format!("{open},\"event\":{event}}}")
}

pub(super) fn judge(answer: &Answer) -> Verdict {
    let code = answer.json().and_then(|body| body.get("code")?.as_i64());
    let fault = code.map_or(Fault::Status(answer.status), |code| Fault::Code(answer.status, code));
    match (answer.status, code) {
        (200..300, Some(code::SUCCESS)) => Verdict::DELIVERED,
        // Anything may answer 200; only a receiver of this kind has the code.
        (200..300, _) => Verdict::Blocked(Fault::Malformed),
        (
            400,
            Some(code::NO_DATA | code::INVALID_DATA | code::EVENT_REQUIRED | code::EVENT_BLANK | code::INDEXED_FIELDS),
        ) => Verdict::Split(fault),
        // Other codes of 400 are about channel and index: no event of any batch would be taken.
        (400, Some(_)) => Verdict::Blocked(fault),
        (status, _) => match of_status(status, answer.after) {
            Verdict::Retry { after, .. } => Verdict::Retry { fault, after },
            Verdict::Blocked(_) => Verdict::Blocked(fault),
            other => other,
        },
    }
}
