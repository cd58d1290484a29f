//! Differences between two JSON values, and the masking of secrets in audit entries.
//!
//! A secret is recognised by the name of its member. Names are compared without case and separators, so `apiKey`, `API-KEY`
//! and `api_key` are the same name. A reference to an environment variable (`${NAME}`) is no secret and useful to a reviewer,
//! so it is kept; so are the kinds of secrets that a guardrail looks for. People also put credentials into free text and into
//! searches. So every text that the guardrails' detectors take for a credential is masked, under any name.

use super::{Change, Entry};
use headgate_config::credential::{credentials, is_kind_of_secret};
use serde_json::{Map, Value};

/// The text that replaces a secret.
pub const MASK: &str = "[masked]";

/// The name of a secret contains one of these, in lower case without separators.
const SECRETS: [&str; 13] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "credential",
    "authorization",
    "apikey",
    "privatekey",
    "accesskey",
    "fingerprintkey",
    "bearer",
    "cookie",
    "sha256",
];
/// Or it ends with one of these; so `tokens: 100k/min` is no secret.
const SECRET_ENDS: [&str; 2] = ["token", "signature"];

/// Masks every secret in an entry's changes.
pub fn mask(changes: &mut [Change]) {
    for change in changes {
        let secret = change.path.split('.').any(is_secret);
        for value in [&mut change.before, &mut change.after].into_iter().flatten() {
            mask_value(value, secret);
        }
    }
}

/// Masks every secret in an entry. Called before it is stored.
pub fn mask_entry(entry: &mut Entry) {
    mask(&mut entry.changes);
    let texts = [&mut entry.actor.name, &mut entry.actor.user_agent, &mut entry.resource.name];
    let stated = entry.justification.iter_mut().flat_map(|stated| stated.texts_mut());
    texts.into_iter().flatten().chain(stated).for_each(|text| *text = mask_text(text));
}

/// Returns the text with everything masked that looks like a credential.
#[must_use]
pub fn mask_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for found in credentials(text) {
        out.push_str(text.get(from..found.start).unwrap_or_default());
        out.push_str(MASK);
        from = found.end.max(from);
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// Returns the deepest members in which two values differ, with secrets masked. Two lists of equally many objects are compared
/// item by item, other lists as a whole.
#[must_use]
pub fn diff(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(&mut changes, "", Some(before), Some(after));
    mask(&mut changes);
    changes
}

fn compare(changes: &mut Vec<Change>, path: &str, before: Option<&Value>, after: Option<&Value>) {
    if before == after {
        return;
    }
    if let (Some(Value::Object(before)), Some(Value::Object(after))) = (before, after) {
        for name in members(before, after) {
            compare(changes, &joined(path, name), before.get(name), after.get(name));
        }
        return;
    }
    if let (Some(Value::Array(before)), Some(Value::Array(after))) = (before, after)
        && before.len() == after.len()
        && before.iter().chain(after).all(Value::is_object)
    {
        for (place, (before, after)) in before.iter().zip(after).enumerate() {
            compare(changes, &joined(path, &place.to_string()), Some(before), Some(after));
        }
        return;
    }
    changes.push(Change { path: path.to_owned(), before: before.cloned(), after: after.cloned() });
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn members<'a>(before: &'a Map<String, Value>, after: &'a Map<String, Value>) -> Vec<&'a String> {
    let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn mask_value(value: &mut Value, secret: bool) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                mask_value(value, secret || is_secret(name));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask_value(item, secret)),
        Value::Null | Value::Bool(_) => {}
        Value::String(text) if is_reference(text) || is_kind_of_secret(text) => {}
        Value::String(text) if secret || !credentials(text).is_empty() => MASK.clone_into(text),
        Value::Number(_) if secret => *value = Value::String(MASK.to_owned()),
        Value::String(_) | Value::Number(_) => {}
    }
}

fn is_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    SECRETS.iter().any(|word| plain.contains(word)) || SECRET_ENDS.iter().any(|end| plain.ends_with(end))
}

fn is_reference(text: &str) -> bool {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    })
}

#[cfg(test)]
mod tests {
    use super::{MASK, diff, mask_text};
    use serde_json::json;

    #[test]
    fn a_diff_names_the_deepest_changed_member() {
        let before = json!({"models": {"chat": {"weight": 1, "tier": 1}}, "gone": [1]});
        let after = json!({"models": {"chat": {"weight": 3, "tier": 1}}, "new": true});
        let changes = serde_json::to_value(diff(&before, &after)).unwrap();
        let expected = json!([
            {"path": "gone", "before": [1]},
            {"path": "models.chat.weight", "before": 1, "after": 3},
            {"path": "new", "after": true},
        ]);
        assert_eq!(changes, expected);
    }

    #[test]
    fn equal_length_object_lists_compare_by_item() {
        let before = json!({"targets": [{"weight": 1}, {"weight": 2}], "models": ["a", "b"]});
        let after = json!({"targets": [{"weight": 1}, {"weight": 5}], "models": ["a", "c"]});
        let paths: Vec<_> = diff(&before, &after).into_iter().map(|change| change.path).collect();
        assert_eq!(paths, ["models", "targets.1.weight"]);
    }

    #[test]
    fn secrets_are_masked_in_any_spelling() {
        for name in ["credential", "apiKey", "API-KEY", "client_secret", "password", "ingest_token", "sha256"] {
            for nested in [json!("hunter2"), json!(["hunter2"]), json!({"value": "hunter2"}), json!(4711)] {
                let changes = diff(&json!({"p": {name: "old-hunter2"}}), &json!({"p": {name: nested}}));
                let text = serde_json::to_string(&changes).unwrap();
                assert!(!text.contains("hunter2") && !text.contains("4711"), "{text}");
                assert!(text.contains(MASK), "{text}");
            }
        }
    }

    #[test]
    fn kinds_of_secrets_are_not_masked() {
        let changes = diff(&json!({"detect": {"secrets": ["jwt"]}}), &json!({"detect": {"secrets": "all"}}));
        let changes_json = serde_json::to_value(changes).unwrap();
        assert_eq!(changes_json, json!([{"path": "detect.secrets", "before": ["jwt"], "after": "all"}]));
    }

    #[test]
    fn only_the_credential_in_a_text_is_masked() {
        let key = "hg-67X6LcwY7x8EWSVHtgaqeaTIT4Cj_sJ2GzmSRkVtyUQ";
        assert_eq!(mask_text(&format!("team=a&q={key}&limit=1")), "team=a&q=[masked]&limit=1");
        assert_eq!(mask_text("team=a&q=hg"), "team=a&q=hg");
    }

    #[test]
    fn variables_and_token_counts_are_not_masked() {
        let changes = diff(&json!({"token": "${A_1}"}), &json!({"token": "${B_2}", "tokens": "100k/min"}));
        let text = serde_json::to_string(&changes).unwrap();
        assert!(text.contains("${B_2}") && text.contains("100k/min") && !text.contains(MASK), "{text}");
    }
}
