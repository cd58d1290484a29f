//! Names, globs, variables and hashes.

use super::Wrong;

/// Longest name of a model, an alias or an id.
const MAX_NAME: usize = 128;

fn name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte)
}

fn all(value: &str, most: usize, allowed: impl Fn(u8) -> bool) -> bool {
    !value.is_empty() && value.len() <= most && value.bytes().all(allowed)
}

fn unless(fits: bool, message: &str, help: &str) -> Result<(), Wrong> {
    if fits { Ok(()) } else { Err(Wrong::new(message, help)) }
}

pub(super) fn printable(value: &str) -> Result<(), Wrong> {
    let fits = !value.is_empty() && value.chars().count() <= 256 && !value.chars().any(char::is_control);
    unless(fits, "this text is empty, too long, or has control characters", "write 1 to 256 printable characters")
}

pub(super) fn name(value: &str) -> Result<(), Wrong> {
    let help = "use letters, digits and `._:/@+-`, at most 128 characters";
    unless(all(value, MAX_NAME, name_byte), "this is not a usable name", help)
}

pub(super) fn provider(value: &str) -> Result<(), Wrong> {
    let fits = all(value, 64, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    unless(fits, "this is not a usable provider name", "use `a-z`, `0-9`, `_` and `-`, at most 64 characters")
}

pub(super) fn glob(value: &str) -> Result<(), Wrong> {
    let fits = all(value, MAX_NAME, |b| name_byte(b) || b == b'*');
    unless(fits, "this is neither a name nor a glob", "use the characters of names and `*`, as in `gpt-*`")
}

/// RFC 9110, section 5.1; lower case because that is how proxies show headers to filters.
pub(super) fn header(value: &str) -> Result<(), Wrong> {
    let token = |b: u8| (b.is_ascii_alphanumeric() && !b.is_ascii_uppercase()) || b"!#$%&'*+-.^_`|~".contains(&b);
    unless(all(value, 64, token), "this is not a header name", "write it in lower case, as in `x-region`")
}

pub(super) fn tag(value: &str) -> Result<(), Wrong> {
    let fits = all(value, 64, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    unless(fits, "this is not a tag name", "write what follows `x-headgate-tag-`: `a-z`, `0-9` and `-`")
}

pub(super) fn price(value: &str) -> Result<(), Wrong> {
    let fits = value.split_once('/').is_some_and(|(p, m)| provider(p).is_ok() && name(m).is_ok());
    unless(fits, "this does not name a provider's model", "write `provider/model`, as in `openai/gpt-5`")
}

pub(super) fn format(value: &str) -> Result<(), Wrong> {
    unless(matches!(value, "openai" | "anthropic"), "this format is not known", "write `openai` or `anthropic`")
}

pub(super) fn path(value: &str) -> Result<(), Wrong> {
    let fits = value.starts_with('/') && printable(value).is_ok();
    unless(fits, "this is not an absolute path", "write the path as the proxy sees it, as in `/etc/ssl/ca.pem`")
}

/// The name in `${NAME}`.
///
/// # Errors
/// Anything else; it may be the secret itself and is never shown.
pub fn variable(value: &str) -> Result<&str, Wrong> {
    let name = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    let starts = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if starts && all(name, MAX_NAME, |b| b.is_ascii_alphanumeric() || b == b'_') {
        return Ok(name);
    }
    Err(Wrong::hidden(
        "a secret does not stand in this file",
        "put it into an environment variable of the proxy and write its name: \"${NAME}\"",
    ))
}

/// A SHA-256 in lower case.
///
/// # Errors
/// Anything but 64 hex digits; it may be the key itself and is never shown.
pub fn sha256(value: &str) -> Result<String, Wrong> {
    if value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(value.to_ascii_lowercase());
    }
    Err(Wrong::hidden("this is not a SHA-256: 64 hex digits", "take the entry that `headgate keys new` prints"))
}
