//! The forms of an event's JSON.

mod ecs;
mod ocsf;

use crate::event::Event;
use crate::settings::Format;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Returns an event as a JSON object. As `json` these are the stored bytes, so their hash is the leaf in the log's tree.
#[must_use]
pub fn object(event: &Event, format: Format) -> Cow<'_, str> {
    match format {
        Format::Json => Cow::Borrowed(&event.text),
        Format::Ecs => Cow::Owned(Value::Object(ecs::members(event)).to_string()),
        Format::Ocsf => Cow::Owned(Value::Object(ocsf::members(event)).to_string()),
    }
}

/// Sets a member at a path of names with dots, each an object. Nothing is set without a value.
fn put(members: &mut Map<String, Value>, path: &str, value: Option<Value>) {
    let Some(value) = value else { return };
    let Some((first, rest)) = path.split_once('.') else {
        members.insert(path.to_owned(), value);
        return;
    };
    let inner = members.entry(first).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        put(inner, rest, Some(value));
    }
}

/// Copies members of an entry to other names.
fn copy(members: &mut Map<String, Value>, event: &Event, names: &[(&str, &str)]) {
    for (from, to) in names {
        put(members, to, event.at(from).cloned());
    }
}
