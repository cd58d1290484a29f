//! Numbers with and without units.

use super::{TRIGGERS, Wrong};

/// What can be held in the memory of one VM.
const MAX_BYTES: u64 = 256 << 20;

/// What a worker or a proxy can be given.
const MEMORY: std::ops::RangeInclusive<u64> = 1 << 20..=1 << 40;

/// One day; nothing in a gateway waits longer.
const MAX_MILLISECONDS: u64 = 86_400_000;

const SIZES: [(&str, u64); 7] =
    [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("kB", 1_000), ("KB", 1_000), ("MB", 1_000_000), ("B", 1)];

const TIMES: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Digits, then one of the units; without a unit the number itself if that is allowed.
fn scaled(value: &str, units: &[(&str, u64)], bare: Option<u64>) -> Option<u64> {
    let digits = value.len().saturating_sub(value.trim_start_matches(|c: char| c.is_ascii_digit()).len());
    let (number, unit) = value.split_at_checked(digits)?;
    let unit = unit.trim_start();
    let factor = match unit {
        "" => bare,
        _ => units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor),
    }?;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A size in bytes, at least 1 and at most 256 MiB.
///
/// # Errors
/// What it has to look like.
pub fn bytes(value: &str) -> Result<u64, Wrong> {
    scaled(value, &SIZES, Some(1))
        .filter(|bytes| (1..=MAX_BYTES).contains(bytes))
        .ok_or_else(|| Wrong::new("this is not a size between 1 byte and 256 MiB", "write bytes or a unit: `20MiB`"))
}

/// An amount of memory in bytes, 1 MiB to 1 TiB.
///
/// # Errors
/// What it has to look like.
pub fn memory(value: &str) -> Result<u64, Wrong> {
    scaled(value, &SIZES, Some(1)).filter(|bytes| MEMORY.contains(bytes)).ok_or_else(|| {
        Wrong::new("this is not an amount of memory between 1 MiB and 1 TiB", "write bytes or a unit: `256MiB`, `2GiB`")
    })
}

/// A length of time in milliseconds, at most a day; `0s` is none at all.
///
/// # Errors
/// What it has to look like.
pub fn milliseconds(value: &str) -> Result<u64, Wrong> {
    scaled(value, &TIMES, None).filter(|time| *time <= MAX_MILLISECONDS).ok_or_else(|| {
        Wrong::new("this is not a length of time of up to a day", "write it with a unit: `500ms`, `20s`, `5m`")
    })
}

pub(super) fn timeout(value: &str) -> Result<(), Wrong> {
    match milliseconds(value)? {
        0 => Err(Wrong::new("nothing can answer in no time", "write a longer time with a unit: `500ms`, `20s`, `5m`")),
        _ => Ok(()),
    }
}

/// Whole days, as written.
///
/// # Errors
/// What it has to look like.
pub fn retention(value: &str) -> Result<&str, Wrong> {
    scaled(value, &[("d", 1)], None)
        .filter(|days| (1..=36_500).contains(days) && !value.contains(' ') && !value.starts_with('0'))
        .map(|_| value)
        .ok_or_else(|| Wrong::new("this is not a number of days", "write whole days: `90d`"))
}

/// A whole number.
///
/// # Errors
/// What it has to look like.
pub fn count(value: &str) -> Result<u32, Wrong> {
    scaled(value, &[], Some(1))
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number <= 1_000_000_000)
        .ok_or_else(|| Wrong::new("this is not a whole number", "write digits only, at most 1000000000"))
}

pub(super) fn positive(value: &str) -> Result<(), Wrong> {
    match count(value) {
        Ok(1..) => Ok(()),
        _ => Err(Wrong::new("this has to be at least 1", "write a whole number from 1 on")),
    }
}

/// `true` or `false`.
///
/// # Errors
/// Anything else.
pub fn flag(value: &str) -> Result<bool, Wrong> {
    value.parse().map_err(|_| Wrong::new("this is neither true nor false", "write `true` or `false`"))
}

/// A word of [`TRIGGERS`] or a status from 400 to 599, as written.
///
/// # Errors
/// Anything else.
pub fn status_or_word(value: &str) -> Result<&str, Wrong> {
    let is_status = value.len() == 3 && value.parse::<u16>().is_ok_and(|status| (400..=599).contains(&status));
    if is_status || TRIGGERS.contains(&value) {
        return Ok(value);
    }
    Err(Wrong::new(
        "nothing moves a request on by this name",
        "write `connect`, `timeout`, `reset`, `429`, `5xx`, or a status from 400 to 599",
    ))
}
