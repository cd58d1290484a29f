//! The texts of a JSON request or answer, each with its path: exactly those that the proxy scans.

use headgate_exchange::{Texts, answer_texts, request_texts};
use serde_json::value::RawValue;
use std::collections::HashMap;

/// Returns the texts that the proxy scans in this body, or nothing if it is another text.
pub(super) fn texts(body: &str) -> Option<Texts<'_>> {
    let top: HashMap<String, &RawValue> = serde_json::from_str(body).ok()?;
    let has = |names: &[&str]| names.iter().any(|name| top.contains_key(*name));
    if has(&["messages", "prompt", "input", "system", "contents"]) {
        return request_texts(body.as_bytes());
    }
    if has(&["choices"]) || has(&["content"]) && has(&["stop_reason"]) {
        return answer_texts(body.as_bytes());
    }
    None
}

/// Returns the path to the value at this offset of the body, as in `messages[0].content`.
pub(super) fn path(body: &str, at: usize) -> String {
    let (mut path, mut value, mut base) = (String::new(), body, 0);
    while let Some((step, inner, start)) = step(value, at.saturating_sub(base)) {
        path.push_str(if path.is_empty() { step.trim_start_matches('.') } else { &step });
        base += start;
        value = inner;
    }
    path
}

/// Returns the member or the element that contains this offset, and its beginning.
fn step(value: &str, at: usize) -> Option<(String, &str, usize)> {
    let place = |inner: &RawValue| inner.get().as_ptr() as usize - value.as_ptr() as usize;
    let holds = |inner: &RawValue| (place(inner)..place(inner) + inner.get().len()).contains(&at);
    if let Ok(members) = serde_json::from_str::<HashMap<String, &RawValue>>(value) {
        let (name, inner) = members.into_iter().find(|(_, inner)| holds(inner))?;
        return Some((format!(".{name}"), inner.get(), place(inner)));
    }
    let items: Vec<&RawValue> = serde_json::from_str(value).ok()?;
    let (index, inner) = items.into_iter().enumerate().find(|(_, inner)| holds(inner))?;
    Some((format!("[{index}]"), inner.get(), place(inner)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_each_text() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"x":{"b":1}}"#;
        let found = texts(body).unwrap();
        let paths: Vec<String> = found.texts.iter().map(|text| path(body, text.at())).collect();
        assert_eq!(paths, ["messages[0].content[0].text", "", "x", "x.b"]);
    }
}
