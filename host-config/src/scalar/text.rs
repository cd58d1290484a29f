//! Names, globs, variables and hashes.

use super::Wrong;
use super::guardrail::one_of;

/// Longest name of a model, an alias or an id.
const MAX_NAME: usize = 128;

fn name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte)
}

fn all(value: &str, most: usize, allowed: impl Fn(u8) -> bool) -> bool {
    !value.is_empty() && value.len() <= most && value.bytes().all(allowed)
}

/// Holds a name against its alphabet and its length, and says which of the two it breaks.
fn spelled(value: &str, most: usize, allowed: impl Fn(u8) -> bool, what: &str, help: &str) -> Result<(), Wrong> {
    let message = if value.is_empty() {
        format!("there is no {what} here")
    } else if !value.bytes().all(&allowed) {
        let lower = value.bytes().all(|byte| allowed(byte.to_ascii_lowercase()));
        match lower {
            true => format!("a {what} has no capital letters"),
            false => format!("a character in this {what} is not allowed there"),
        }
    } else if value.len() > most {
        format!("this {what} is longer than {most} characters")
    } else {
        return Ok(());
    };
    Err(Wrong::new(&message, help))
}

pub(super) fn printable(value: &str) -> Result<(), Wrong> {
    let message = if value.is_empty() {
        "there is no text here"
    } else if value.chars().any(char::is_control) {
        "there is a control character in this text"
    } else if value.chars().count() > 256 {
        "this text is longer than 256 characters"
    } else {
        return Ok(());
    };
    Err(Wrong::new(message, "write 1 to 256 printable characters"))
}

pub(super) fn name(value: &str) -> Result<(), Wrong> {
    spelled(value, MAX_NAME, name_byte, "name", "use letters, digits and `._:/@+-`, at most 128 characters")
}

pub(super) fn provider(value: &str) -> Result<(), Wrong> {
    let byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    spelled(value, 64, byte, "provider name", "use `a-z`, `0-9`, `_` and `-`, at most 64 characters")
}

pub(super) fn glob(value: &str) -> Result<(), Wrong> {
    let help = "use the characters of names and `*`, at most 128, as in `gpt-*`";
    spelled(value, MAX_NAME, |b| name_byte(b) || b == b'*', "name or glob", help)
}

/// RFC 9110, section 5.1; lower case because that is how proxies show headers to filters.
pub(super) fn header(value: &str) -> Result<(), Wrong> {
    let token = |b: u8| (b.is_ascii_alphanumeric() && !b.is_ascii_uppercase()) || b"!#$%&'*+-.^_`|~".contains(&b);
    spelled(value, 64, token, "header name", "write it in lower case, at most 64 characters, as in `x-region`")
}

pub(super) fn tag(value: &str) -> Result<(), Wrong> {
    let byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let help = "write what follows `x-headgate-tag-`: `a-z`, `0-9` and `-`, at most 64 characters";
    spelled(value, 64, byte, "tag name", help)
}

pub(super) fn price(value: &str) -> Result<(), Wrong> {
    let help = "write `provider/model`, as in `openai/gpt-5`, or a glob over models: `openai/gpt-*`";
    let Some((provider_name, model)) = value.split_once('/') else {
        return Err(Wrong::new("there is no provider before this model", help));
    };
    provider(provider_name).map_err(|wrong| Wrong::new(&wrong.message, help))?;
    glob(model).map_err(|wrong| Wrong::new(&wrong.message, help))
}

pub(super) fn format(value: &str) -> Result<(), Wrong> {
    one_of(value, &["openai", "anthropic"]).map_err(|wrong| Wrong::new("this format is not known", &wrong.help))
}

/// A file beside gateway.yaml, or anywhere.
pub(super) fn file(value: &str) -> Result<(), Wrong> {
    printable(value).map_err(|wrong| Wrong::new(&wrong.message, "write the file's name, as in `prices.yaml`"))
}

pub(super) fn path(value: &str) -> Result<(), Wrong> {
    let help = "write the path as the proxy sees it, as in `/etc/ssl/ca.pem`";
    printable(value).map_err(|wrong| Wrong::new(&wrong.message, help))?;
    if value.starts_with('/') { Ok(()) } else { Err(Wrong::new("this is not an absolute path", help)) }
}

/// A service tier, as providers name theirs.
pub(super) fn tier(value: &str) -> Result<(), Wrong> {
    let byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    spelled(value, 32, byte, "service tier", "write it as the provider does: `flex`, `priority`, `fast`")
}

/// The name in `${NAME}`.
///
/// # Errors
/// Anything else; it may be the secret itself and is never shown.
pub fn variable(value: &str) -> Result<&str, Wrong> {
    let name = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let starts = |name: &str| name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let message = match name {
        Some(name) if starts(name) && all(name, MAX_NAME, |b| b.is_ascii_alphanumeric() || b == b'_') => {
            return Ok(name);
        }
        Some("") => "there is no name between the braces",
        Some(name) if name.len() > MAX_NAME => "this name of a variable is longer than 128 characters",
        Some(_) => "this is not the name of an environment variable",
        None if value.starts_with("${") => "the brace after the variable's name is missing",
        None if value.starts_with('$') => "the braces around the variable's name are missing",
        None if value.is_empty() => "there is no variable here",
        None => "a secret does not stand in this file",
    };
    Err(Wrong::hidden(message, "put it into an environment variable of the proxy and write its name: \"${NAME}\""))
}

/// A SHA-256 in lower case.
///
/// # Errors
/// Anything but 64 hex digits; it may be the key itself and is never shown.
pub fn sha256(value: &str) -> Result<String, Wrong> {
    let message = if value.is_empty() {
        "there is no SHA-256 here"
    } else if !value.bytes().all(|b| b.is_ascii_hexdigit()) {
        "this is not a SHA-256: there are characters in it that are no hex digits"
    } else if value.len() != 64 {
        "this is not a SHA-256: it does not have 64 hex digits"
    } else {
        return Ok(value.to_ascii_lowercase());
    };
    Err(Wrong::hidden(message, "take the entry that `headgate keys new` prints"))
}
