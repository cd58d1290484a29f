//! Attributes, by the names of the GenAI conventions or names of our own.

use super::names::names;
use super::values::{AnyValue, List};
use crate::event::Event;
use crate::settings::Semconv;
use headgate_collector_types::Log;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// Fields of a record that have their own places in logs and spans.
const PLACED: [&str; 5] = ["started_at", "trace_id", "parent_span_id", "span_id", "node"];

/// An attribute for each member of an event; those of an object have names with dots.
pub(super) struct Attributes<'a> {
    pub(super) semconv: Semconv,
    pub(super) event: &'a Event,
    /// The status, if it is the type of an error.
    pub(super) error: Option<u64>,
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = List(serializer.serialize_seq(None)?);
        list.add("headgate.log.position", AnyValue::Int(self.event.position))?;
        let members = &self.event.members;
        match self.event.log {
            Log::Requests => {
                flatten(self.semconv, &mut String::with_capacity(64), members, &mut list)?;
                provider_of(self.semconv, members, &mut list)?;
            }
            Log::Audit => members.iter().try_for_each(|(name, value)| {
                list.add(format_args!("headgate.audit.{name}"), AnyValue::Member(value))
            })?,
        }
        if let Some(status) = self.error {
            list.add("error.type", AnyValue::NumberText(status))?;
        }
        list.0.end()
    }
}

/// Writes the members of an object. `path` is that of the object, with a dot at its end.
fn flatten<S: SerializeSeq>(
    semconv: Semconv,
    path: &mut String,
    members: &Map<String, Value>,
    list: &mut List<S>,
) -> Result<(), S::Error> {
    let above = path.len();
    for (name, value) in members {
        path.push_str(name);
        match value {
            _ if PLACED.contains(&path.as_str()) => {}
            Value::Object(inner) => {
                path.push('.');
                flatten(semconv, path, inner, list)?;
            }
            _ => named(semconv, path, value, list)?,
        }
        path.truncate(above);
    }
    Ok(())
}

/// Writes the attributes of a member.
fn named<S: SerializeSeq>(semconv: Semconv, path: &str, value: &Value, list: &mut List<S>) -> Result<(), S::Error> {
    let names = names(semconv, path);
    if names.is_empty() {
        return list.add(format_args!("headgate.request.{path}"), AnyValue::Member(value));
    }
    let value = converted(path, value);
    names.iter().try_for_each(|name| list.add(&**name, value))
}

/// Writes the well-known name of a provider, which is that of its API; the policy's own name of it stands beside.
fn provider_of<S: SerializeSeq>(
    semconv: Semconv,
    members: &Map<String, Value>,
    list: &mut List<S>,
) -> Result<(), S::Error> {
    let Some(surface) = members.get("surface") else { return Ok(()) };
    let provider = AnyValue::Text(provider(surface.as_str()));
    provider_names(semconv).iter().try_for_each(|name| list.add(name, provider))
}

/// Returns the value of a member as the conventions have it.
fn converted<'a>(path: &str, value: &'a Value) -> AnyValue<'a> {
    match (path, value.as_u64()) {
        // The conventions have seconds.
        (_, Some(us)) if path.ends_with("_us") => AnyValue::Double(us as f64 / 1e6),
        ("surface", _) => AnyValue::Text(operation(value.as_str())),
        // It is a list there: an answer may have several choices.
        ("finish_reason", _) => AnyValue::ListOf(value),
        _ => AnyValue::Member(value),
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
