//! Attributes, by the names of the GenAI conventions or names of our own.

use crate::event::Event;
use crate::settings::{Semconv, Settings};
use headgate_collector_types::Log;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::sync::LazyLock;

/// The conventions' names of a record's fields: those of v0.1.0, and of v1.36 those that were others.
struct Names {
    now: Map<String, Value>,
    former: Map<String, Value>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut file: Value =
        serde_json::from_str(include_str!("../../../../../plugins/record/otel.json")).unwrap_or_default();
    let mut take = |name: &str| match file.get_mut(name).map(Value::take) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    Names { now: take("fields"), former: take("fields_v1.36") }
});

/// Fields of a record that have their own places in logs and spans.
const PLACED: [&str; 5] = ["started_at", "trace_id", "parent_span_id", "span_id", "node"];

/// Returns an attribute for each member of an event; those of an object have names with dots.
pub(super) fn all(settings: &Settings, event: &Event) -> Vec<Value> {
    let mut attributes = vec![attribute("headgate.log.position", &json!(event.position))];
    match event.log {
        Log::Requests => flatten(settings.semconv, "", &event.members, &mut attributes),
        Log::Audit => attributes
            .extend(event.members.iter().map(|(name, value)| attribute(&format!("headgate.audit.{name}"), value))),
    }
    attributes
}

fn flatten(semconv: Semconv, above: &str, members: &Map<String, Value>, out: &mut Vec<Value>) {
    for (name, value) in members {
        let path = format!("{above}{name}");
        match value {
            _ if PLACED.contains(&path.as_str()) => {}
            Value::Object(inner) => flatten(semconv, &format!("{path}."), inner, out),
            _ => named(semconv, &path, value, out),
        }
    }
    // The well-known name of a provider is that of its API; the policy's own name of it stands beside.
    if let Some(surface) = members.get("surface").filter(|_| above.is_empty()) {
        let provider = json!(provider(surface.as_str()));
        out.extend(provider_names(semconv).iter().map(|name| attribute(name, &provider)));
    }
}

/// Adds the attributes of a member.
fn named(semconv: Semconv, path: &str, value: &Value, out: &mut Vec<Value>) {
    let name = |names: &Map<String, Value>| names.get(path).and_then(Value::as_str).map(str::to_owned);
    let now = name(&NAMES.now);
    // In the former ones a field without a name is null, and a field that is missing has the same name.
    let former = if NAMES.former.contains_key(path) { name(&NAMES.former) } else { now.clone() };
    let names = match semconv {
        Semconv::V0_1 => [now, None],
        Semconv::V1_36 => [former, None],
        Semconv::Both if now == former => [now, None],
        Semconv::Both => [now, former],
    };
    let mut names = names.into_iter().flatten().peekable();
    if names.peek().is_none() {
        out.push(attribute(&format!("headgate.request.{path}"), value));
    }
    let value = converted(path, value);
    out.extend(names.map(|name| attribute(&name, &value)));
}

/// Returns the value of a member as the conventions have it.
fn converted<'a>(path: &str, value: &'a Value) -> Cow<'a, Value> {
    match (path, value.as_u64()) {
        // The conventions have seconds.
        (_, Some(us)) if path.ends_with("_us") => Cow::Owned(json!(us as f64 / 1e6)),
        ("surface", _) => Cow::Owned(json!(operation(value.as_str()))),
        // It is a list there: an answer may have several choices.
        ("finish_reason", _) => Cow::Owned(json!([value])),
        _ => Cow::Borrowed(value),
    }
}

/// Returns the names of the attribute that holds the provider.
pub(super) const fn provider_names(semconv: Semconv) -> &'static [&'static str] {
    match semconv {
        Semconv::V0_1 => &["gen_ai.provider.name"],
        Semconv::V1_36 => &["gen_ai.system"],
        Semconv::Both => &["gen_ai.provider.name", "gen_ai.system"],
    }
}

/// Returns the conventions' word for the operation of a surface.
pub(super) fn operation(surface: Option<&str>) -> &str {
    match surface {
        Some("chat_completions" | "messages" | "responses") => "chat",
        Some("completions") => "text_completion",
        Some(other) => other,
        None => "unknown",
    }
}

/// Returns the conventions' word for the provider whose API a surface belongs to.
pub(super) fn provider(surface: Option<&str>) -> &'static str {
    match surface {
        Some("messages" | "count_tokens") => "anthropic",
        _ => "openai",
    }
}

pub(super) fn attribute(key: &str, value: &Value) -> Value {
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
