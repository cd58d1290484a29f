//! Dollars as written to integer nano-dollars, never by way of a float: 0.1 has none that is exact.

use super::Wrong;

/// Digits after the point in a nano-dollar.
const PLACES: usize = 9;

/// US dollars to nano-USD: `1.25` is 1 250 000 000.
///
/// # Errors
/// Anything but digits with at most nine after a point, or more than a million dollars.
pub fn nano_usd(value: &str) -> Result<u64, Wrong> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    parse(whole, fraction).ok_or_else(|| {
        Wrong::new("this is not an amount of US dollars", "write digits and a point: `1.25`, at most nine after it")
    })
}

fn parse(whole: &str, fraction: &str) -> Option<u64> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > PLACES {
        return None;
    }
    let whole: u64 = whole.parse().ok().filter(|dollars| *dollars <= 1_000_000)?;
    let fraction: u64 = format!("{fraction:0<PLACES$}").parse().ok()?;
    whole.checked_mul(1_000_000_000)?.checked_add(fraction)
}
