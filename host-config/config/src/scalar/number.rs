//! Reads plain numbers, or finds the reason why a text is not one.
//!
//! A number that is merely too large must not be answered with advice about its form, so each flaw has a message.

/// Message for a number of more than 20 digits or 64 bits.
pub(super) const TOO_LARGE: &str = "this number is too large";

/// Reads a whole number.
pub(super) fn whole(text: &str) -> Result<u64, &'static str> {
    if is_digits(text) { text.parse().map_err(|_| TOO_LARGE) } else { Err(flaw(text)) }
}

/// Splits a number from the unit behind it. Both are trimmed.
pub(super) fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | '_' | '-' | '+'));
    let (number, unit) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, ""));
    (number.trim(), unit.trim())
}

pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the reason why a text is not a whole number.
pub(super) fn flaw(text: &str) -> &'static str {
    let Some(first) = text.chars().next() else { return "there is no number here" };
    let unsigned = text.trim_start_matches(['-', '+', '\u{2212}']);
    let all = |allowed: fn(char) -> bool| unsigned.chars().all(allowed) && unsigned.starts_with(|c: char| is_digit(c));
    if all(is_digit) || all(|c| is_digit(c) || c == '.') && unsigned.matches('.').count() == 1 {
        return match first {
            '-' | '\u{2212}' => "this number is negative",
            '+' => "this number has a sign",
            _ => "this is not a whole number",
        };
    }
    if all(|c| is_digit(c) || matches!(c, ',' | '_' | '\'' | ' ' | '.')) {
        return "digits are grouped here";
    }
    if all(|c| is_digit(c) || matches!(c, '.' | 'e' | 'E' | '+' | '-')) {
        return "this number has an exponent";
    }
    "this is not a number"
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}
