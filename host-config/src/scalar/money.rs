//! Dollars as written to integer nano-dollars, never by way of a float: 0.1 has none that is exact.

use super::Wrong;
use super::number::{flaw, is_digits};

/// Digits after the point in a nano-dollar.
const PLACES: usize = 9;
/// Most US dollars that one amount may be. A larger one is surely a slip.
const MAX_DOLLARS: u64 = 1_000_000;

const FORM: &str = "write digits and a point: `1.25`";

/// US dollars to nano-USD: `1.25` is 1 250 000 000.
///
/// # Errors
/// Anything but digits with at most nine after a point, or more than a million dollars.
pub fn nano_usd(value: &str) -> Result<u64, Wrong> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(Wrong::new(not_dollars(value), FORM));
    }
    if fraction.len() > PLACES {
        return Err(Wrong::new("this amount is finer than a nano-dollar", "write at most nine digits after the point"));
    }
    let dollars = whole.parse().ok().filter(|dollars| *dollars < MAX_DOLLARS);
    let exact = whole.parse() == Ok(MAX_DOLLARS) && fraction.bytes().all(|digit| digit == b'0');
    let Some(dollars) = dollars.or(exact.then_some(MAX_DOLLARS)) else {
        return Err(Wrong::new("this amount of US dollars is too large", "write at most 1000000"));
    };
    let nano: u64 = format!("{fraction:0<PLACES$}").parse().unwrap_or_default();
    Ok(dollars.saturating_mul(1_000_000_000).saturating_add(nano))
}

fn not_dollars(value: &str) -> &'static str {
    let bare = value.trim_matches(|c: char| c == '$' || c.is_ascii_alphabetic() || c.is_whitespace());
    if value != bare && is_digits(&bare.replace('.', "")) {
        return "an amount has no currency here: it is in US dollars";
    }
    match flaw(value) {
        "this is not a whole number" | "this is not a number" => "this is not an amount of US dollars",
        flaw => flaw,
    }
}
