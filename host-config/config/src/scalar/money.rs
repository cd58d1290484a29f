//! Reads dollars as integer nano-dollars, never through a float, because 0.1 has no exact one.

use super::error::ScalarError;
use super::number::{flaw, is_digits};

/// Decimal places of a nano-dollar.
const PLACES: usize = 9;
/// Largest amount, US dollars. A larger one would be a mistake.
const MAX_DOLLARS: u64 = 1_000_000;

const CURRENCIES: &str = "$€£¥₹₩₽";

const FORM: &str = "write digits and a decimal point: `1.25`";

/// Reads US dollars as nano-USD: `1.25` is 1 250 000 000.
///
/// # Errors
/// Returns the reason if the value is not digits with at most nine decimal places, or more than a million dollars.
pub fn nano_usd(value: &str) -> Result<u64, ScalarError> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    if !is_digits(whole) || !is_digits(fraction) {
        let help = match not_dollars(value) {
            "this number has an exponent" => "write it without an exponent: `1.25`; prices are per million tokens",
            _ => FORM,
        };
        return Err(ScalarError::new(not_dollars(value), help));
    }
    if fraction.len() > PLACES {
        return Err(ScalarError::new(
            "this amount has more than nine decimal places",
            "write at most nine digits after the decimal point",
        ));
    }
    let dollars = whole.parse().ok().filter(|dollars| *dollars < MAX_DOLLARS);
    let exact = whole.parse() == Ok(MAX_DOLLARS) && fraction.bytes().all(|digit| digit == b'0');
    let Some(dollars) = dollars.or(exact.then_some(MAX_DOLLARS)) else {
        return Err(ScalarError::new("this amount of US dollars is too large", "write at most 1000000"));
    };
    let nano: u64 = format!("{fraction:0<PLACES$}").parse().unwrap_or_default();
    Ok(dollars.saturating_mul(1_000_000_000).saturating_add(nano))
}

fn not_dollars(value: &str) -> &'static str {
    let is_sign = |c: char| CURRENCIES.contains(c) || c.is_whitespace();
    let bare = value.trim_matches(|c: char| is_sign(c) || c.is_ascii_alphabetic());
    let rest = value.replace(bare, "").trim().to_owned();
    if value != bare && is_digits(&bare.replace(['.', ','], "")) {
        return match rest.as_str() {
            "k" | "K" | "m" | "M" => "an amount has no unit",
            _ if rest.len() == 3 && rest.bytes().all(|byte| byte.is_ascii_alphabetic())
                || rest.chars().all(is_sign) =>
            {
                "an amount has no currency: all amounts are in US dollars"
            }
            _ => "this is not an amount of US dollars",
        };
    }
    match value.split_once('.') {
        Some(("", after)) if is_digits(after) => return "a digit is missing before the decimal point",
        Some((before, "")) if is_digits(before) => return "a digit is missing after the decimal point",
        _ => {}
    }
    match flaw(value) {
        _ if value.contains(',') && is_digits(&value.replace([',', '.'], "")) => "there is a comma in this amount",
        "this is not a whole number" | "this is not a number" => "this is not an amount of US dollars",
        flaw => flaw,
    }
}
