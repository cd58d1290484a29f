//! The same JSON, built from values in the plainest way: slow, and easy to compare with the conventions.

use crate::event::Event;
use crate::format::object;
use crate::settings::{Semconv, Settings, Signal};
use crate::wire::otlp::attributes::{operation, provider, provider_names};
use headgate_collector_types::Log;
use serde_json::{Map, Value, json};

pub(super) fn body(settings: &Settings, events: &[Event]) -> Value {
    let groups = events.chunk_by(|a, b| a.log == b.log && a.host() == b.host());
    let (member, scopes, items) = match settings.signal {
        Signal::Traces => ("resourceSpans", "scopeSpans", "spans"),
        _ => ("resourceLogs", "scopeLogs", "logRecords"),
    };
    let resources: Vec<_> = groups
        .map(|group| {
            let first = &group[0];
            let mut attributes = vec![attribute("service.name", &json!("headgate"))];
            attributes.push(attribute("service.instance.id", &json!(first.host())));
            attributes.extend(first.at("environment").map(|value| attribute("deployment.environment.name", value)));
            let list: Vec<Value> = match settings.signal {
                Signal::Traces => group.iter().flat_map(|event| spans(settings.semconv, event)).collect(),
                _ => group.iter().map(|event| log_record(settings, event)).collect(),
            };
            let scope = json!({"name": format!("headgate.{}", first.kind())});
            json!({"resource": {"attributes": attributes}, scopes: [{"scope": scope, items: list}]})
        })
        .collect();
    json!({member: resources})
}

fn log_record(settings: &Settings, event: &Event) -> Value {
    let (number, text) = if event.is_success() { (9, "INFO") } else { (13, "WARN") };
    let mut record = json!({
        "timeUnixNano": nanoseconds(event.time_us()),
        "observedTimeUnixNano": nanoseconds(event.time_us()),
        "severityNumber": number,
        "severityText": text,
        "eventName": format!("headgate.{}", event.kind()),
        "body": {"stringValue": object(event, settings.format)},
        "attributes": attributes(settings.semconv, event),
    });
    for (ours, theirs) in [("trace_id", "traceId"), ("span_id", "spanId")] {
        if let Some(id) = event.text_at(ours) {
            record[theirs] = json!(id);
        }
    }
    record
}

fn spans(semconv: Semconv, event: &Event) -> Vec<Value> {
    let own = event.id().replace('-', "");
    let id = own.get(16..32).and_then(|id| u64::from_str_radix(id, 16).ok());
    let (Log::Requests, Some(id)) = (event.log, id) else { return Vec::new() };
    let trace = event.text_at("trace_id").unwrap_or(&own);
    let started = event.time_us();
    let number = |value: Option<&Value>| value.and_then(Value::as_i64).unwrap_or(0);
    let end = started.saturating_add(number(event.at("duration_us")));
    let mut name = operation(event.text_at("surface")).to_owned();
    name.extend(event.text_at("requested_model").map(|model| format!(" {model}")));
    let mut of_request = attributes(semconv, event);
    if let (false, None, Some(status)) = (event.is_success(), event.at("error_code"), event.status()) {
        of_request.push(attribute("error.type", &json!(status.to_string())));
    }
    let failed = !event.is_success() || event.text_at("ended_by") == Some("provider");
    let mut request = span(trace, id, &name, (started, end), failed, of_request);
    if let Some(parent) = event.text_at("parent_span_id") {
        request["parentSpanId"] = json!(parent);
    }
    let mut spans = vec![request];
    let attempts = event.at("attempts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, one) in attempts.iter().enumerate() {
        let begun = started.saturating_add(number(one.get("started_after_us")));
        let is_served = index + 1 == attempts.len() && event.at("served_by").is_some();
        let ended = if is_served { end } else { begun.saturating_add(number(one.get("latency_us"))) };
        let mut list = vec![attribute("http.request.resend_count", &json!(index))];
        for (name, member) in [
            ("gen_ai.request.model", "model"),
            ("http.response.status_code", "status"),
            ("error.type", "error"),
            ("headgate.attempt.provider", "provider"),
            ("headgate.attempt.kind", "kind"),
            ("headgate.attempt.provider_error", "provider_error"),
        ] {
            list.extend(one.get(member).map(|value| attribute(name, value)));
        }
        let name = format!("attempt {}", one.get("provider").and_then(Value::as_str).unwrap_or_default());
        let failed = one.get("error").is_some_and(Value::is_string);
        let number = id.wrapping_add(index as u64).wrapping_add(1);
        let mut attempt = span(trace, number, &name, (begun, ended.max(begun)), failed, list);
        attempt["parentSpanId"] = json!(format!("{id:016x}"));
        spans.push(attempt);
    }
    spans
}

fn span(trace: &str, id: u64, name: &str, time: (i64, i64), failed: bool, attributes: Vec<Value>) -> Value {
    json!({
        "traceId": trace,
        "spanId": format!("{id:016x}"),
        "name": name,
        "kind": 3,
        "startTimeUnixNano": nanoseconds(time.0),
        "endTimeUnixNano": nanoseconds(time.1),
        "attributes": attributes,
        "status": if failed { json!({"code": 2}) } else { json!({}) },
    })
}

fn nanoseconds(us: i64) -> Value {
    json!((i128::from(us) * 1_000).to_string())
}

fn attributes(semconv: Semconv, event: &Event) -> Vec<Value> {
    let mut attributes = vec![attribute("headgate.log.position", &json!(event.position))];
    match event.log {
        Log::Requests => {
            let table = serde_json::from_str(include_str!("../../../../../../plugins/record/otel.json")).unwrap();
            flatten(&table, semconv, "", &event.members, &mut attributes);
            if let Some(surface) = event.members.get("surface") {
                let provider = json!(provider(surface.as_str()));
                attributes.extend(provider_names(semconv).iter().map(|name| attribute(name, &provider)));
            }
        }
        Log::Audit => attributes
            .extend(event.members.iter().map(|(name, value)| attribute(&format!("headgate.audit.{name}"), value))),
    }
    attributes
}

fn flatten(table: &Value, semconv: Semconv, above: &str, members: &Map<String, Value>, out: &mut Vec<Value>) {
    for (name, value) in members {
        let path = format!("{above}{name}");
        if ["started_at", "trace_id", "parent_span_id", "span_id", "node"].contains(&path.as_str()) {
            continue;
        }
        match value {
            Value::Object(inner) => flatten(table, semconv, &format!("{path}."), inner, out),
            _ => named(table, semconv, &path, value, out),
        }
    }
}

fn named(table: &Value, semconv: Semconv, path: &str, value: &Value, out: &mut Vec<Value>) {
    let now = table["fields"].get(path).and_then(Value::as_str);
    let former = table["fields_v1.36"].get(path).map_or(now, Value::as_str);
    let mut names: Vec<&str> = match semconv {
        Semconv::V0_1 => now.into_iter().collect(),
        Semconv::V1_36 => former.into_iter().collect(),
        Semconv::Both => now.into_iter().chain(former).collect(),
    };
    names.dedup();
    if names.is_empty() {
        out.push(attribute(&format!("headgate.request.{path}"), value));
        return;
    }
    let value = match (path, value.as_u64()) {
        (_, Some(us)) if path.ends_with("_us") => json!(us as f64 / 1e6),
        ("surface", _) => json!(operation(value.as_str())),
        ("finish_reason", _) => json!([value]),
        _ => value.clone(),
    };
    out.extend(names.into_iter().map(|name| attribute(name, &value)));
}

fn attribute(key: &str, value: &Value) -> Value {
    json!({"key": key, "value": any_value(value)})
}

fn any_value(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({"stringValue": text}),
        Value::Bool(truth) => json!({"boolValue": truth}),
        Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            json!({"arrayValue": {"values": list.iter().map(any_value).collect::<Vec<_>>()}})
        }
        other => json!({"stringValue": other.to_string()}),
    }
}
