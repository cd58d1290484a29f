//! Moments as dates or as RFC 3339.

use super::Wrong;

/// Seconds since the Unix epoch. A bare date is its first moment in UTC.
///
/// # Errors
/// Anything else, and moments before 1970.
pub fn unix_seconds(value: &str) -> Result<u64, Wrong> {
    let moment = match value.len() {
        10 => format!("{value}T00:00:00Z").parse::<jiff::Timestamp>(),
        _ => value.parse(),
    };
    moment.ok().and_then(|moment| u64::try_from(moment.as_second()).ok()).ok_or_else(|| {
        Wrong::new("this is not a date", "write `2027-01-01`, or a date and time with a zone: `2027-01-01T12:00:00Z`")
    })
}
