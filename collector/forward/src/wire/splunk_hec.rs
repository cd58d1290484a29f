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
    pub(super) const ACKS_DISABLED: i64 = 14;
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

/// Returns the call that asks whether a batch is indexed.
pub(crate) fn ask(settings: &Settings, channel: &str, ack: u64) -> Call {
    let mut headers = vec![("content-type", "application/json".to_owned())];
    if let Some(token) = &settings.token {
        headers.push(("authorization", format!("Splunk {}", token.0)));
    }
    headers.push(("x-splunk-request-channel", channel.to_owned()));
    Call { path: "/services/collector/ack", headers, body: json!({"acks": [ack]}).to_string().into_bytes() }
}

/// Returns whether an answer says that a batch is indexed; `None` if acknowledgements are off at the receiver.
pub(crate) fn is_acknowledged(ack: u64, answer: &Answer) -> Option<bool> {
    let body = answer.json().unwrap_or_default();
    let code = body.get("code").and_then(Value::as_i64);
    // Receivers that know no acknowledgements have no such path.
    if code == Some(code::ACKS_DISABLED) || answer.status == 404 {
        return None;
    }
    Some(body.get("acks").and_then(|acks| acks.get(ack.to_string())?.as_bool()).unwrap_or(false))
}

pub(super) fn judge(settings: &Settings, answer: &Answer) -> Verdict {
    let body = answer.json().unwrap_or_default();
    let code = body.get("code").and_then(Value::as_i64);
    // These numbers are large: they do not fit into a float.
    let ack = body.get("ackId").and_then(Value::as_u64).filter(|_| settings.awaits_acks);
    let fault = code.map_or(Fault::Status(answer.status), |code| Fault::Code(answer.status, code));
    match (answer.status, code) {
        (200..300, Some(code::SUCCESS)) => ack.map_or(Verdict::DELIVERED, |ack| Verdict::Awaiting { ack }),
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
