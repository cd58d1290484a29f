//! Names, globs, variables and hashes.

use super::error::ScalarError;
use super::words::one_of;

/// Longest name of a model, an alias or an id.
const MAX_NAME: usize = 128;

fn name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte)
}

fn all(value: &str, most: usize, allowed: impl Fn(u8) -> bool) -> bool {
    !value.is_empty() && value.len() <= most && value.bytes().all(allowed)
}

/// Checks a name's alphabet and length, and reports which of the two is wrong.
fn spelled(value: &str, most: usize, allowed: impl Fn(u8) -> bool, what: &str, help: &str) -> Result<(), ScalarError> {
    let message = if value.is_empty() {
        format!("there is no {what} here")
    } else if !value.bytes().all(&allowed) {
        let lower = value.bytes().all(|byte| allowed(byte.to_ascii_lowercase()));
        match lower {
            true => format!("a {what} must be in lower case"),
            false => format!("this {what} contains a character that is not allowed"),
        }
    } else if value.len() > most {
        format!("this {what} is longer than {most} characters")
    } else {
        return Ok(());
    };
    Err(ScalarError::new(&message, help))
}

pub(super) fn printable(value: &str) -> Result<(), ScalarError> {
    let message = if value.is_empty() {
        "there is no text here"
    } else if value.contains('\n') {
        "there is a line break in this text"
    } else if value.chars().any(char::is_control) {
        "there is a control character in this text"
    } else if value.chars().count() > 256 {
        "this text is longer than 256 characters"
    } else {
        return Ok(());
    };
    Err(ScalarError::new(message, "write 1 to 256 printable characters"))
}

pub(super) fn name(value: &str) -> Result<(), ScalarError> {
    spelled(value, MAX_NAME, name_byte, "name", "use letters, digits and `._:/@+-`, at most 128 characters")
}

pub(super) fn provider(value: &str) -> Result<(), ScalarError> {
    let byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    spelled(value, 64, byte, "provider name", "use `a-z`, `0-9`, `_` and `-`, at most 64 characters")
}

pub(super) fn glob(value: &str) -> Result<(), ScalarError> {
    let help = "use the characters of names and `*`, at most 128, as in `gpt-*`";
    spelled(value, MAX_NAME, |b| name_byte(b) || b == b'*', "name or glob", help)
}

/// Checks a header name (RFC 9110, section 5.1). Lower case, because filters see headers in lower case.
pub(super) fn header(value: &str) -> Result<(), ScalarError> {
    let token = |b: u8| (b.is_ascii_alphanumeric() && !b.is_ascii_uppercase()) || b"!#$%&'*+-.^_`|~".contains(&b);
    spelled(value, 64, token, "header name", "write it in lower case, at most 64 characters, as in `x-region`")
}

pub(super) fn tag(value: &str) -> Result<(), ScalarError> {
    let byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let help = "write what follows `x-headgate-tag-`: `a-z`, `0-9` and `-`, at most 64 characters";
    spelled(value, 64, byte, "tag name", help)
}

pub(super) fn price(value: &str) -> Result<(), ScalarError> {
    let help = "write `provider/model`, as in `openai/gpt-5`, or a glob over models: `openai/gpt-*`";
    let Some((provider_name, model)) = value.split_once('/') else {
        return Err(ScalarError::new("the provider before the model is missing", help));
    };
    provider(provider_name).map_err(|wrong| ScalarError::new(&wrong.message, help))?;
    glob(model).map_err(|wrong| ScalarError::new(&wrong.message, help))
}

pub(super) fn format(value: &str) -> Result<(), ScalarError> {
    let formats = ["openai", "anthropic"];
    one_of(value, &formats).map_err(|error| {
        let help = match error.help.starts_with("did") {
            true => error.help,
            false => {
                "write `openai` for an API that is compatible with OpenAI's, or `anthropic` for Anthropic's".to_owned()
            }
        };
        ScalarError::new("unknown format", &help)
    })
}

/// Checks a file name, absolute or relative to gateway.yaml.
pub(super) fn file(value: &str) -> Result<(), ScalarError> {
    printable(value).map_err(|wrong| ScalarError::new(&wrong.message, "write the file's name, as in `prices.yaml`"))
}

pub(super) fn path(value: &str) -> Result<(), ScalarError> {
    let help = "write the path as the proxy sees it, as in `/etc/ssl/ca.pem`";
    printable(value).map_err(|wrong| ScalarError::new(&wrong.message, help))?;
    if value.starts_with('/') { Ok(()) } else { Err(ScalarError::new("this is not an absolute path", help)) }
}

/// Checks a service tier, as providers name theirs.
pub(super) fn tier(value: &str) -> Result<(), ScalarError> {
    let byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    spelled(value, 32, byte, "service tier", "write it as the provider does: `flex`, `priority`, `fast`")
}

/// Returns the name in `${NAME}`.
///
/// # Errors
/// Returns the reason for any other text, which may be the secret itself and is never shown.
pub fn variable(value: &str) -> Result<&str, ScalarError> {
    let name = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let starts = |name: &str| name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let message = match name {
        Some(name) if starts(name) && all(name, MAX_NAME, |b| b.is_ascii_alphanumeric() || b == b'_') => {
            return Ok(name);
        }
        Some(name) if name.contains("${") => "more than one variable is written here",
        Some(name) if name.trim().is_empty() => "there is no name between the braces",
        Some(name) if name.len() > MAX_NAME => "this name of a variable is longer than 128 characters",
        Some(_) => "this is not the name of an environment variable",
        None if value.starts_with("${") => "the brace after the variable's name is missing",
        None if value.starts_with('$') => "the braces around the variable's name are missing",
        None if value.is_empty() => "there is no variable here",
        None if value.contains("${") && value.contains('}') => "there is text around the variable",
        None => "this is not a reference to an environment variable",
    };
    Err(ScalarError::hidden(
        message,
        "write \"${NAME}\", and put the secret into the environment variable NAME of the proxy; never into this file",
    ))
}

/// Returns a SHA-256 in lower case.
///
/// # Errors
/// Returns the reason if it is not 64 hex digits. The text may be the key itself and is never shown.
pub fn sha256(value: &str) -> Result<String, ScalarError> {
    let message = if value.is_empty() {
        "there is no SHA-256 here"
    } else if value.starts_with("hg-") {
        "this is the key itself, not its SHA-256: make a new one, it must not be used any more"
    } else if !value.bytes().all(|b| b.is_ascii_hexdigit()) {
        "this is not a SHA-256: it contains characters that are not hex digits"
    } else if value.len() != 64 {
        &format!("this is not a SHA-256: it has {} hex digits instead of 64", value.len())
    } else {
        return Ok(value.to_ascii_lowercase());
    };
    Err(ScalarError::hidden(message, "copy the entry that `headgate keys new` prints"))
}
