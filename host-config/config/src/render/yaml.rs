//! Writes JSON values as YAML, in the form in which people write Envoy's configuration.

use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Keys that go first, because they say which object this is.
const FIRST: [&str; 3] = ["name", "@type", "match"];

/// Returns the value as YAML, with a line break at its end.
#[must_use]
pub(super) fn yaml(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

/// Writes a mapping or a list, one entry a line, or a single value.
fn block(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in in_order(fields) {
                let _ = write!(text, "{:indent$}{}:", "", word(key));
                entry(value, indent, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let mut inner = String::new();
                block(item, indent.saturating_add(2), &mut inner);
                let _ = write!(text, "{:indent$}- {}", "", inner.trim_start());
            }
        }
        single => {
            let _ = writeln!(text, "{:indent$}{}", "", flow(single));
        }
    }
}

/// Writes the value of a key: on the same line if it is a single one, else below.
fn entry(value: &Value, indent: usize, text: &mut String) {
    let is_nested = value.as_object().is_some_and(|fields| !fields.is_empty())
        || value.as_array().is_some_and(|items| !items.is_empty());
    if is_nested {
        text.push('\n');
        block(value, indent.saturating_add(2), text);
    } else {
        let _ = writeln!(text, " {}", flow(value));
    }
}

fn in_order(fields: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let place = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by_key(|(key, _)| place(key));
    sorted.into_iter()
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => word(text),
        other => other.to_string(),
    }
}

/// Returns a text as a plain scalar if no reader could take it for something else, else in double quotes. A JSON string is
/// one in YAML too.
fn word(text: &str) -> String {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_');
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b));
    let other = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    match starts && plain && !other.contains(&text.to_ascii_lowercase().as_str()) {
        true => text.to_owned(),
        false => Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::yaml;
    use serde_json::json;

    #[test]
    fn values_are_written_as_people_write_them() {
        let value = json!([
            {"connect_timeout": "5s", "name": "a", "ports": [1, 2], "none": {}, "deep": {"x": [{"y": "no"}, []]}},
            "plain",
        ]);
        let expected = "\
- name: a
  connect_timeout: \"5s\"
  deep:
    x:
      - \"y\": \"no\"
      - []
  none: {}
  ports:
    - 1
    - 2
- plain
";
        assert_eq!(yaml(&value), expected);
    }

    #[test]
    fn doubtful_texts_are_quoted() {
        for text in ["", "5s", "a: b", "a #b", "*", "{}", "true", "Off", "\"", "a\nb", "@type", "1", "~", "é", "- a"] {
            assert_eq!(yaml(&json!(text)), format!("{}\n", json!(text)), "{text}");
        }
        assert_eq!(yaml(&json!("type.googleapis.com/x.Y")), "type.googleapis.com/x.Y\n");
    }
}
