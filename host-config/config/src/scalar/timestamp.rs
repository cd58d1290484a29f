//! Reads timestamps, written as dates or as in RFC 3339.

use super::error::ScalarError;
use jiff::{Timestamp, civil};

const FORM: &str = "write `2027-01-01`, or a date and time with a zone: `2027-01-01T12:00:00Z`";

/// Returns seconds since the Unix epoch. A date without a time begins at midnight UTC.
///
/// # Errors
/// Returns the reason for any other text, and for timestamps before 1970.
pub fn unix_seconds(value: &str) -> Result<u64, ScalarError> {
    let timestamp = match value.len() {
        10 => format!("{value}T00:00:00Z").parse::<Timestamp>(),
        _ => value.parse(),
    };
    let timestamp = timestamp.map_err(|_| no_timestamp(value))?;
    u64::try_from(timestamp.as_second())
        .map_err(|_| ScalarError::new("this date is before 1970", "write a later date: `2027-01-01`"))
}

fn no_timestamp(value: &str) -> ScalarError {
    if value.len() == 10 && value.parse::<civil::Date>().is_ok() {
        return ScalarError::new("this date is too late", "leave `expires` out for a key that does not expire");
    }
    ScalarError::new(reason(value), FORM)
}

fn reason(value: &str) -> &'static str {
    let shape: String = value.chars().take(11).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    if value.parse::<civil::DateTime>().is_ok() && value.len() > 10 {
        return "this time has no zone";
    }
    match shape.get(..10) {
        Some("0000-00-00") if value.len() == 10 => "this day does not exist",
        Some("0000-00-00") => "this is not a date and time",
        _ if value.parse::<civil::Date>().is_err() && is_short_date(value) => "month and day need two digits each",
        _ => "this is not a date",
    }
}

/// Returns whether this is a date such as `2027-1-1`.
fn is_short_date(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}
