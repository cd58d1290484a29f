//! serde's errors in this house's words.
//!
//! serde quotes what it did not expect: an unknown field's name, a string of the wrong type. Either may be a prompt or a
//! credential. Only the kind of error, its place, and names that stand in our own schema are passed on.

use serde_json::Error;
use serde_json::error::Category;

/// Kinds of serde messages by how they begin; serde writes these beginnings itself.
const KINDS: [(&str, &str); 6] = [
    ("unknown field", "unknown field"),
    ("unknown variant", "a word that is not in the field's vocabulary"),
    ("invalid type", "a value of the wrong type"),
    ("invalid value", "a value out of range"),
    ("invalid length", "a list of the wrong length"),
    ("data did not match", "a value of the wrong shape"),
];

/// Says what is wrong and where, quoting nothing that came from outside.
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

/// serde takes the name of a missing or repeated field from the type, never from the input.
fn named(kind: &str, rest: &str) -> String {
    match rest.split('`').nth(1) {
        Some(name) => format!("{kind} `{name}`"),
        None => kind.to_owned(),
    }
}
