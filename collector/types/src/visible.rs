//! Texts for people to read, without the characters that nobody sees.

use headgate_config::diagnostic::is_hidden;

/// Returns a text with its control and direction characters spelled out, so that they cannot reorder the words around it or
/// control a terminal.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}
