//! Splunk's HTTP Event Collector.

use super::{Answer, Call, Headers, compressed, with_member};
use crate::event::Event;
use crate::format::object;
use crate::settings::Settings;
use crate::verdict::{Fault, Verdict, of_status};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, Write as _};

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

/// An event without its `event`.
#[derive(Serialize)]
struct Metadata<'a> {
    time: String,
    host: &'a str,
    source: &'static str,
    sourcetype: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<&'a str>,
    fields: Fields<'a>,
}

#[derive(Serialize)]
struct Fields<'a> {
    headgate_id: &'a str,
    headgate_position: String,
}

/// Returns the call: JSON objects one after another.
pub(super) fn call(settings: &Settings, channel: &str, events: &[Event]) -> io::Result<Call> {
    let (mut headers, body) = compressed("application/json", |out| {
        events.iter().try_for_each(|event| {
            with_member(out, &metadata(settings, event), "event", &object(event, settings.format))?;
            out.write_all(b"\n")
        })
    })?;
    identify(&mut headers, settings, channel);
    Ok(Call { path: "/services/collector/event", headers, body })
}

fn metadata<'a>(settings: &'a Settings, event: &'a Event) -> Metadata<'a> {
    let us = event.time_us();
    Metadata {
        time: format!("{}.{:06}", us.div_euclid(1_000_000), us.rem_euclid(1_000_000)),
        host: event.host(),
        source: "headgate",
        sourcetype: format!("headgate:{}", event.kind()),
        index: settings.index.as_deref(),
        fields: Fields { headgate_id: event.id(), headgate_position: event.position.to_string() },
    }
}

/// Adds the token, and the channel that both calls have.
fn identify(headers: &mut Headers, settings: &Settings, channel: &str) {
    headers.extend(settings.token.as_ref().map(|token| ("authorization", format!("Splunk {}", token.0))));
    headers.push(("x-splunk-request-channel", channel.to_owned()));
}

/// Returns the call that asks whether a batch is indexed.
pub(crate) fn ask(settings: &Settings, channel: &str, ack: u64) -> Call {
    let mut headers = vec![("content-type", "application/json".to_owned())];
    identify(&mut headers, settings, channel);
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
