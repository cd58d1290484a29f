//! Numbers with and without units.

use super::guardrail::one_of;
use super::number::{split_unit, whole};
use super::{TRIGGERS, Wrong};
use crate::nearest::nearest;

/// What can be held in the memory of one VM.
const MAX_BYTES: u64 = 256 << 20;

/// What a worker or a proxy can be given.
const MEMORY: std::ops::RangeInclusive<u64> = 1 << 20..=1 << 40;

/// One day; nothing in a gateway waits longer.
const MAX_MILLISECONDS: u64 = 86_400_000;

/// A hundred years.
const MAX_DAYS: u64 = 36_500;

const MAX_COUNT: u64 = 1_000_000_000;

const SIZES: [(&str, u64); 7] =
    [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("kB", 1_000), ("KB", 1_000), ("MB", 1_000_000), ("B", 1)];

const TIMES: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Reads digits and one of the units; without a unit the number itself if that is allowed. What is too large is more
/// than any bound.
fn scaled(value: &str, units: &[(&str, u64)], bare: Option<u64>, form: &str) -> Result<u64, Wrong> {
    let (digits, unit) = split_unit(value);
    let number = match whole(digits) {
        Err(super::number::TOO_LARGE) => u64::MAX,
        Err(flaw) => return Err(Wrong::new(flaw, form)),
        Ok(number) => number,
    };
    let factor = match unit {
        "" => bare.ok_or_else(|| Wrong::new("this number has no unit", form))?,
        _ => {
            factor(unit, units).ok_or_else(|| Wrong::new("this unit is not known here", &instead(unit, units, form)))?
        }
    };
    Ok(number.saturating_mul(factor))
}

fn factor(unit: &str, units: &[(&str, u64)]) -> Option<u64> {
    units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor)
}

fn instead(unit: &str, units: &[(&str, u64)], form: &str) -> String {
    let near = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(name, _)| *name);
    match near {
        Some(name) => format!("did you mean `{name}`?"),
        None => form.to_owned(),
    }
}

/// A size in bytes, at least 1 and at most 256 MiB.
///
/// # Errors
/// What it has to look like.
pub fn bytes(value: &str) -> Result<u64, Wrong> {
    match scaled(value, &SIZES, Some(1), "write bytes or a unit: `20MiB`")? {
        0 => Err(Wrong::new("this size is too small", "write at least 1 byte")),
        bytes if bytes > MAX_BYTES => Err(Wrong::new("this size is too large", "write at most `256MiB`")),
        bytes => Ok(bytes),
    }
}

/// An amount of memory in bytes, 1 MiB to 1 TiB.
///
/// # Errors
/// What it has to look like.
pub fn memory(value: &str) -> Result<u64, Wrong> {
    match scaled(value, &SIZES, Some(1), "write bytes or a unit: `256MiB`, `2GiB`")? {
        bytes if bytes < *MEMORY.start() => Err(Wrong::new("this is too little memory", "write at least `1MiB`")),
        bytes if bytes > *MEMORY.end() => {
            Err(Wrong::new("this is more memory than a proxy has", "write at most `1024GiB`"))
        }
        bytes => Ok(bytes),
    }
}

/// A length of time in milliseconds, at most a day; `0s` is none at all.
///
/// # Errors
/// What it has to look like.
pub fn milliseconds(value: &str) -> Result<u64, Wrong> {
    let time = scaled(value, &TIMES, None, "write a whole number with a unit: `500ms`, `20s`, `5m`, `1h`")?;
    if time > MAX_MILLISECONDS {
        return Err(Wrong::new("this time is too long", "write at most a day: `24h`"));
    }
    Ok(time)
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
    const FORM: &str = "write whole days: `90d`";
    match scaled(value, &[("d", 1)], None, FORM)? {
        0 => Err(Wrong::new("this keeps nothing", "write at least `1d`")),
        days if days > MAX_DAYS => Err(Wrong::new("this is too long", "write at most `36500d`, a hundred years")),
        _ if value.contains(' ') => Err(Wrong::new("there is a space in this number of days", FORM)),
        _ if value.starts_with('0') => Err(Wrong::new("this number of days begins with 0", FORM)),
        _ => Ok(value),
    }
}

/// A whole number.
///
/// # Errors
/// What it has to look like.
pub fn count(value: &str) -> Result<u32, Wrong> {
    let too_large = || Wrong::new(super::number::TOO_LARGE, "write at most 1000000000");
    let number = match whole(value) {
        Err(super::number::TOO_LARGE) => return Err(too_large()),
        other => other.map_err(|flaw| Wrong::new(flaw, "write a whole number in digits only: `3`"))?,
    };
    u32::try_from(number).ok().filter(|_| number <= MAX_COUNT).ok_or_else(too_large)
}

pub(super) fn positive(value: &str) -> Result<(), Wrong> {
    match count(value)? {
        0 => Err(Wrong::new("this has to be at least 1", "write a whole number from 1 on")),
        _ => Ok(()),
    }
}

/// `true` or `false`.
///
/// # Errors
/// Anything else.
pub fn flag(value: &str) -> Result<bool, Wrong> {
    let meant = match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => "did you mean `true`?",
        "false" | "no" | "off" | "0" => "did you mean `false`?",
        _ => "write `true` or `false`",
    };
    value.parse().map_err(|_| Wrong::new("this is neither true nor false", meant))
}

/// A word of [`TRIGGERS`] or a status from 400 to 599, as written.
///
/// # Errors
/// Anything else.
pub fn status_or_word(value: &str) -> Result<&str, Wrong> {
    const FORM: &str = "write `connect`, `timeout`, `reset`, `429`, `5xx`, or a status from 400 to 599";
    if TRIGGERS.contains(&value) {
        return Ok(value);
    }
    match whole(value) {
        Ok(status) if value.len() == 3 && (400..=599).contains(&status) => Ok(value),
        Ok(_) => Err(Wrong::new("no error has this status", FORM)),
        Err(_) => {
            let help =
                nearest(value, TRIGGERS).map_or_else(|| FORM.to_owned(), |near| format!("did you mean `{near}`?"));
            Err(Wrong::new("nothing moves a request on by this name", &help))
        }
    }
}

/// One of a few words, under a message of its own.
pub(super) fn word(value: &str, words: &[&str], message: &str) -> Result<(), Wrong> {
    one_of(value, words).map_err(|wrong| Wrong::new(message, &wrong.help))
}
