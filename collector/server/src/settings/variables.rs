//! Environment variables that a value names.

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
