//! Reasons for serde's errors that quote nothing of the input.
//!
//! serde quotes unexpected input, such as an unknown field's name or a string of the wrong type. Either may be a prompt or a
//! credential. Only the kind of error, its place, and names from the collector's own schema are passed on.

use serde_json::Error;
use serde_json::error::Category;

/// Kinds of serde messages by their first words, which never come from the input.
const KINDS: [(&str, &str); 6] = [
    ("unknown field", "unknown field"),
    ("unknown variant", "a word that is not in the field's vocabulary"),
    ("invalid type", "a value of the wrong type"),
    ("invalid value", "a value out of range"),
    ("invalid length", "a list of the wrong length"),
    ("data did not match", "a value of the wrong shape"),
];

/// Returns the kind and the place of an error, without any text from outside.
#[must_use]
pub fn reason_of(error: &Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!("{} at line {line} column {column}", kind_of(error))
}

fn kind_of(error: &Error) -> String {
    match error.classify() {
        Category::Eof => "the JSON ends too early".to_owned(),
        Category::Syntax | Category::Io => "not valid JSON".to_owned(),
        Category::Data => data_kind(&error.to_string()),
    }
}

fn data_kind(message: &str) -> String {
    for own in ["missing field", "duplicate field"] {
        if let Some(rest) = message.strip_prefix(own) {
            return named(own, rest);
        }
    }
    KINDS
        .iter()
        .find(|(begin, _)| message.starts_with(begin))
        .map_or("a value that does not fit the schema", |(_, words)| words)
        .to_owned()
}

/// Adds the name of a missing or repeated field. serde takes it from the type, never from the input.
fn named(kind: &str, rest: &str) -> String {
    match rest.split('`').nth(1) {
        Some(name) => format!("{kind} `{name}`"),
        None => kind.to_owned(),
    }
}
