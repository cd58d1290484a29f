//! Moments as dates or as RFC 3339.

use super::Wrong;
use jiff::{Timestamp, civil};

const FORM: &str = "write `2027-01-01`, or a date and time with a zone: `2027-01-01T12:00:00Z`";

/// Seconds since the Unix epoch. A bare date is its first moment in UTC.
///
/// # Errors
/// Anything else, and moments before 1970.
pub fn unix_seconds(value: &str) -> Result<u64, Wrong> {
    let moment = match value.len() {
        10 => format!("{value}T00:00:00Z").parse::<Timestamp>(),
        _ => value.parse(),
    };
    let moment = moment.map_err(|_| Wrong::new(no_moment(value), FORM))?;
    u64::try_from(moment.as_second())
        .map_err(|_| Wrong::new("this date is before 1970", "write a date that is not over: `2027-01-01`"))
}

fn no_moment(value: &str) -> &'static str {
    let shape: String = value.chars().take(11).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    if value.parse::<civil::DateTime>().is_ok() && value.len() > 10 {
        return "this time has no zone";
    }
    match shape.get(..10) {
        Some("0000-00-00") if value.len() == 10 => "there is no such day",
        Some("0000-00-00") => "this is not a date and time",
        _ => "this is not a date",
    }
}
