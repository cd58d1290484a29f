//! The canonical form of stored entries: JSON without hidden characters.
//!
//! JSON allows control characters of the C1 set, marks that change the direction of text and characters of no width, and a
//! terminal or an editor that shows an entry obeys them. As escapes they are the same text to every JSON reader, and visible
//! to people.

use headgate_config::diagnostic::is_hidden;
use serde::Serialize;
use std::fmt::Write as _;

/// Writes a value in its canonical form.
///
/// # Errors
/// It cannot be written as JSON.
pub fn canonical(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(value).map(escape_hidden)
}

/// Escapes the hidden characters of JSON, which changes none of its values.
#[must_use]
pub fn escape_hidden(json: Vec<u8>) -> Vec<u8> {
    spelled_out(&json).unwrap_or(json)
}

/// Returns JSON with its hidden characters escaped; `None` if there are none. JSON has no such characters outside strings.
fn spelled_out(json: &[u8]) -> Option<Vec<u8>> {
    if json.is_ascii() && !json.contains(&0x7f) {
        return None;
    }
    let text = std::str::from_utf8(json).ok()?;
    if !text.contains(is_hidden) {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 64);
    for char in text.chars() {
        if is_hidden(char) {
            let mut units = [0; 2];
            for unit in char.encode_utf16(&mut units) {
                // Writing to a String does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(char);
        }
    }
    Some(out.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::canonical;
    use serde_json::{Value, json};

    #[test]
    fn hidden_characters_are_escaped_losslessly() {
        let texts = ["plain é 漢", "\u{7f}\u{9b}31m", "\u{202e}olleh", "a\u{200b}b", "\u{e0041}", "\n\u{1b}"];
        for text in texts {
            let bytes = canonical(&json!({"name": text})).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap()["name"], text);
            let shown = String::from_utf8(bytes).unwrap();
            assert!(!shown.contains(headgate_config::diagnostic::is_hidden), "{shown}");
        }
        assert_eq!(canonical(&json!("\u{e0041}é")).unwrap(), "\"\\udb40\\udc41é\"".as_bytes());
    }
}
