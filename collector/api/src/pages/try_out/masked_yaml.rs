//! A gateway.yaml made of masked resources: one that can be tried, and that tells no secret.
//!
//! The text as it was written may have a secret anywhere, in a comment too, so none of it is used. The hash of a key is replaced by
//! one of its place in the list: the page makes up keys of its own anyway.

use headgate_collector_types::audit::MASK;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Sections by the kind of their resources: those with names, then lists.
const NAMED: [(&str, &str); 5] = [
    ("providers", "provider"),
    ("models", "model"),
    ("teams", "team"),
    ("prices", "price"),
    ("price_list", "listed_price"),
];
const LISTS: [(&str, &str); 4] =
    [("keys", "key"), ("limits", "limit"), ("budgets", "budget"), ("guardrails", "guardrail")];
const SINGLES: [&str; 3] = ["collector", "cors", "logging"];
/// Stands for a text of a guardrail that a viewer does not see.
const UNSEEN: &str = "hidden-from-viewers";

/// Returns the text. Words and patterns of guardrails, and values of headers, are in it only if `shows_contents`.
pub(super) fn masked_yaml(resources: &[Value], shows_contents: bool) -> String {
    let mut out = String::from("# Secrets are masked: hashes of keys are made up.\n");
    let of = |kind: &'static str| {
        let is_kind = move |one: &&Value| one.get("kind").and_then(Value::as_str) == Some(kind);
        resources.iter().filter(is_kind).filter_map(|one| Some((one.get("id")?.as_str()?, one.get("body")?)))
    };
    for (_, settings) in of("settings") {
        for (name, value) in settings.as_object().into_iter().flatten() {
            let _ = writeln!(out, "{name}: {value}");
        }
    }
    for name in SINGLES {
        of(name).for_each(|(_, body)| _ = writeln!(out, "{name}: {body}"));
    }
    for (section, kind) in NAMED {
        heading(&mut out, section, of(kind).next().is_some());
        for (id, body) in of(kind) {
            let _ = writeln!(out, "  {}: {}", Value::from(id), shown(body, shows_contents));
        }
    }
    for (section, kind) in LISTS {
        heading(&mut out, section, of(kind).next().is_some());
        for (place, (_, body)) in of(kind).enumerate() {
            let body = shown(body, shows_contents);
            let _ = writeln!(out, "  - {}", if kind == "key" { with_hash(body, place) } else { body });
        }
    }
    out
}

fn heading(out: &mut String, section: &str, is_there: bool) {
    if is_there {
        let _ = writeln!(out, "{section}:");
    }
}

fn with_hash(mut key: Value, place: usize) -> Value {
    if let Some(members) = key.as_object_mut() {
        let digest = Sha256::digest(format!("masked key {place}"));
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        members.insert("sha256".to_owned(), hex.into());
    }
    key
}

/// Returns a body as the reader may see it.
fn shown(body: &Value, shows_contents: bool) -> Value {
    let mut body = body.clone();
    unmask(&mut body);
    if !shows_contents {
        hide(&mut body);
    }
    body
}

/// Puts a variable in the place of a masked value, since a secret can only be one.
fn unmask(value: &mut Value) {
    match value {
        Value::String(text) if text.contains(MASK) => *text = text.replace(MASK, "${MASKED}"),
        Value::Array(items) => items.iter_mut().for_each(unmask),
        Value::Object(members) => members.values_mut().for_each(unmask),
        _ => {}
    }
}

/// Hides the words and patterns of guardrails, and the values of headers in conditions.
fn hide(value: &mut Value) {
    match value {
        Value::Object(members) => members.iter_mut().for_each(|(name, value)| match (name.as_str(), &mut *value) {
            ("words" | "patterns", Value::Array(items)) => {
                *items = items.iter().enumerate().map(|(place, _)| format!("{UNSEEN}-{place}").into()).collect();
            }
            ("header", Value::Object(headers)) => unseen(headers),
            _ => hide(value),
        }),
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

fn unseen(headers: &mut Map<String, Value>) {
    headers.values_mut().for_each(|value| *value = UNSEEN.into());
}

#[cfg(test)]
mod tests {
    use super::masked_yaml;
    use crate::revision::masked;

    const POLICY: &str = r#"
environment: test
listen: 127.0.0.1:1
# A comment with a secret: hunter2
providers: {a: {format: openai, url: "https://a.example/v1", credential: "${A_KEY}"}}
models: {chat: {targets: [{provider: a, model: m, when: {header: {x-tier: "gold*"}}}]}}
teams: {search: {project: assistant}}
keys: [{id: alice, sha256: 31443d332abed1a229de06db8106ab64883c3b6f8270a5bc4b68831591b82034, team: search}]
limits: [{id: each, per: key, requests: 60/min}]
guardrails: [{id: g, detect: {words: [hush], pii: [email]}}]
prices: {a/m: {input: "1", output: "2"}}
"#;

    #[test]
    fn the_text_can_be_tried_and_tells_no_secret() {
        for shows_contents in [false, true] {
            let text = masked_yaml(&masked(POLICY), shows_contents);
            let compiled = headgate_config::compile(&text, "gateway.yaml", 1_790_000_000);
            let compiled = compiled.unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
            assert_eq!(compiled.document.keys[0].id, "alice");
            assert!(text.contains("${A_KEY}") && !text.contains("31443d33") && !text.contains("hunter2"), "{text}");
            assert_eq!((text.contains("hush"), text.contains("gold")), (shows_contents, shows_contents), "{text}");
        }
    }
}
