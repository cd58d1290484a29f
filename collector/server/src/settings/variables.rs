//! Environment variables that a value names.

use headgate_collector_forward::Secret;

/// Replaces `${NAME}` by the values of environment variables.
pub(super) fn resolved(text: &str) -> Result<String, String> {
    let mut parts = text.split("${");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').ok_or("a `${` is not closed; write \"${NAME}\"")?;
        let value = std::env::var(name)
            .map_err(|_| format!("${{{}}} is not set; set it in the environment", name.escape_debug()))?;
        out.push_str(&value);
        out.push_str(rest);
    }
    Ok(out)
}

/// Returns the name of the environment variable, if the value is `${NAME}`.
pub(super) fn named(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(name)
}

/// Reads the secret in the environment variable that a value names.
pub(super) fn secret(text: &str) -> Result<Secret, String> {
    named(text).ok_or("a secret does not belong into this file; write \"${NAME}\" and set NAME in the environment")?;
    Ok(Secret(resolved(text)?))
}
