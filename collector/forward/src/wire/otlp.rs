//! OpenTelemetry logs over HTTP, in JSON, with the names of the GenAI conventions.

use super::{Answer, Call, compressed};
use crate::event::Event;
use crate::format::object;
use crate::settings::Settings;
use crate::verdict::{Fault, Verdict, of_status};
use headgate_collector_types::Log;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// The conventions' name of each field of a record.
static NAMES: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let file: Value = serde_json::from_str(include_str!("../../../../plugins/record/otel.json")).unwrap_or_default();
    file.get("fields").and_then(Value::as_object).cloned().unwrap_or_default()
});

/// Fields of a record that have their own places in a log record.
const PLACED: [&str; 4] = ["started_at", "trace_id", "parent_span_id", "node"];
/// Severity numbers.
const INFO: u8 = 9;
const WARN: u8 = 13;

/// Returns the call. Events of one proxy and log that follow each other share a resource and a scope.
pub(super) fn call(settings: &Settings, events: &[Event]) -> Call {
    let groups = events.chunk_by(|a, b| a.log == b.log && a.host() == b.host());
    let resources: Vec<_> = groups.map(|group| resource(settings, group)).collect();
    let body = json!({"resourceLogs": resources}).to_string();
    let (mut headers, body) = compressed("application/json", body.as_bytes());
    if let Some(token) = &settings.token {
        headers.push(("authorization", token.0.clone()));
    }
    Call { path: "/v1/logs", headers, body }
}

fn resource(settings: &Settings, group: &[Event]) -> Value {
    let first = group.first();
    let kind = first.map_or("request", Event::kind);
    let mut attributes = vec![attribute("service.name", &json!("headgate"))];
    attributes.extend(first.map(|event| attribute("service.instance.id", &json!(event.host()))));
    let environment = first.and_then(|event| event.at("environment"));
    attributes.extend(environment.map(|value| attribute("deployment.environment.name", value)));
    let records: Vec<_> = group.iter().map(|event| log_record(settings, event)).collect();
    json!({
        "resource": {"attributes": attributes},
        "scopeLogs": [{"scope": {"name": format!("headgate.{kind}")}, "logRecords": records}],
    })
}

fn log_record(settings: &Settings, event: &Event) -> Value {
    let ns = i128::from(event.time_us()).saturating_mul(1_000).to_string();
    let mut attributes = vec![attribute("headgate.log.position", &json!(event.position))];
    flatten(event.log, "", &event.members, &mut attributes);
    let (number, text) = if event.is_success() { (INFO, "INFO") } else { (WARN, "WARN") };
    let mut record = json!({
        "timeUnixNano": ns,
        "observedTimeUnixNano": ns,
        "severityNumber": number,
        "severityText": text,
        "eventName": format!("headgate.{}", event.kind()),
        "body": {"stringValue": object(event, settings.format)},
        "attributes": attributes,
    });
    if let (Some(trace), Value::Object(members)) = (event.text_at("trace_id"), &mut record) {
        members.insert("traceId".to_owned(), json!(trace));
    }
    record
}

/// Adds an attribute for each member; those of an object have names with dots.
fn flatten(log: Log, above: &str, members: &Map<String, Value>, out: &mut Vec<Value>) {
    for (name, value) in members {
        let path = format!("{above}{name}");
        if PLACED.contains(&path.as_str()) {
            continue;
        }
        match value {
            Value::Object(inner) if log == Log::Requests => flatten(log, &format!("{path}."), inner, out),
            _ => out.push(named(log, &path, value)),
        }
    }
}

/// Returns the attribute of a member, by the conventions' name or a name of our own.
fn named(log: Log, path: &str, value: &Value) -> Value {
    let convention = NAMES.get(path).and_then(Value::as_str).filter(|_| log == Log::Requests);
    match (convention, value.as_u64()) {
        // The conventions have seconds.
        (Some(name), Some(us)) if path.ends_with("_us") => attribute(name, &json!(us as f64 / 1e6)),
        (Some(name @ "gen_ai.operation.name"), _) => attribute(name, &json!(operation(value.as_str()))),
        // It is a list there: an answer may have several choices.
        (Some(name @ "gen_ai.response.finish_reasons"), _) => attribute(name, &json!([value])),
        (Some(name), _) => attribute(name, value),
        (None, _) => {
            attribute(&format!("headgate.{}.{path}", if log == Log::Requests { "request" } else { "audit" }), value)
        }
    }
}

/// Returns the conventions' word for a surface.
fn operation(surface: Option<&str>) -> &str {
    match surface {
        Some("chat_completions" | "messages" | "responses") => "chat",
        Some("completions") => "text_completion",
        Some(other) => other,
        None => "unknown",
    }
}

fn attribute(key: &str, value: &Value) -> Value {
    json!({"key": key, "value": any_value(value)})
}

/// Returns a value as the protocol has it. Objects are texts of JSON: few receivers can search in others.
fn any_value(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({"stringValue": text}),
        Value::Bool(truth) => json!({"boolValue": truth}),
        Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        // 64-bit integers are texts in the protocol's JSON.
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            json!({"arrayValue": {"values": list.iter().map(any_value).collect::<Vec<_>>()}})
        }
        other => json!({"stringValue": other.to_string()}),
    }
}

pub(super) fn judge(answer: &Answer) -> Verdict {
    match answer.status {
        200..300 => match rejected(answer) {
            0 => Verdict::DELIVERED,
            // The receiver must not be sent these again, and does not say which they are.
            count => Verdict::Delivered { refused: vec![(0, Fault::Uncounted(count))] },
        },
        status => of_status(status, answer.after),
    }
}

fn rejected(answer: &Answer) -> u64 {
    let body = answer.json().unwrap_or_default();
    let count = body.get("partialSuccess").and_then(|partial| partial.get("rejectedLogRecords"));
    let number = count.and_then(|count| count.as_u64().or_else(|| count.as_str()?.parse().ok()));
    number.unwrap_or(0)
}
