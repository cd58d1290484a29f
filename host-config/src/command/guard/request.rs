//! The strings of a JSON request, each with its path.

use serde_json::Value;

/// Every string of a request in the shape of a model API; nothing if this is another text.
pub(super) fn strings(text: &str) -> Option<Vec<(String, String)>> {
    let value: Value = serde_json::from_str(text).ok()?;
    let object = value.as_object()?;
    if !["messages", "prompt", "input", "system", "contents"].iter().any(|name| object.contains_key(*name)) {
        return None;
    }
    let mut strings = Vec::new();
    walk(&value, String::new(), &mut strings);
    Some(strings)
}

fn walk(value: &Value, path: String, strings: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => strings.push((path, text.clone())),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| walk(value, format!("{path}[{index}]"), strings));
        }
        Value::Object(object) => {
            let dot = if path.is_empty() { "" } else { "." };
            object.iter().for_each(|(name, value)| walk(value, format!("{path}{dot}{name}"), strings));
        }
        _ => {}
    }
}
