//! Reads numbers with and without units.

use super::error::ScalarError;
use super::number::{split_unit, whole};
use crate::nearest::nearest;

/// Statuses and words of `failover.on`.
pub const TRIGGERS: [&str; 5] = ["connect", "timeout", "reset", "429", "5xx"];

/// Largest size that fits into the memory of one VM.
const MAX_BYTES: u64 = 256 << 20;

/// Range of memory for a worker or a proxy.
const MEMORY: std::ops::RangeInclusive<u64> = 1 << 20..=1 << 40;

/// One day; nothing in a gateway waits longer.
const MAX_MILLISECONDS: u64 = 86_400_000;

/// A hundred years.
const MAX_DAYS: u64 = 36_500;

const MAX_COUNT: u64 = 1_000_000_000;

/// Units that people write instead of the right ones.
const MEANT: [(&str, &str); 30] = [
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("hr", "h"),
    ("hrs", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("msec", "ms"),
    ("millis", "ms"),
    ("milliseconds", "ms"),
    ("day", "d"),
    ("days", "d"),
    ("k", "KiB"),
    ("ki", "KiB"),
    ("m", "MiB"),
    ("mi", "MiB"),
    ("mibs", "MiB"),
    ("g", "GiB"),
    ("gi", "GiB"),
    ("kb", "KB"),
    ("mb", "MB"),
    ("kib", "KiB"),
    ("gib", "GiB"),
    ("byte", "B"),
    ("bytes", "B"),
];

const SIZES: [(&str, u64); 7] =
    [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("kB", 1_000), ("KB", 1_000), ("MB", 1_000_000), ("B", 1)];

const TIMES: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Reads digits and one of the units; without a unit the number itself, if that is allowed. A number that is too large
/// saturates.
fn scaled(value: &str, units: &[(&str, u64)], bare: Option<u64>, form: &str) -> Result<u64, ScalarError> {
    let (digits, unit) = split_unit(value);
    let number = match whole(digits) {
        Err(super::number::TOO_LARGE) => u64::MAX,
        Err(flaw) => return Err(ScalarError::new(flaw, form)),
        Ok(number) => number,
    };
    let factor = match unit {
        "" => bare.ok_or_else(|| ScalarError::new("this number has no unit", form))?,
        _ => factor(unit, units).ok_or_else(|| ScalarError::new(unknown_unit(unit), &instead(unit, units, form)))?,
    };
    Ok(number.saturating_mul(factor))
}

fn unknown_unit(unit: &str) -> &'static str {
    let is_letter = |c: char| c.is_alphabetic() || c == 'µ';
    match unit {
        _ if unit.starts_with(['e', 'E']) && unit.contains(|c: char| c.is_ascii_digit()) => {
            "this number has an exponent"
        }
        _ if unit.contains(|c: char| c.is_ascii_digit()) => "there is more than one number here",
        _ if unit.chars().all(is_letter) => "unknown unit",
        _ => "this is not a number with a unit",
    }
}

fn factor(unit: &str, units: &[(&str, u64)]) -> Option<u64> {
    units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor)
}

fn instead(unit: &str, units: &[(&str, u64)], form: &str) -> String {
    let lower = unit.to_ascii_lowercase();
    let mut meant = MEANT.iter().filter(|(written, _)| *written == lower).map(|(_, meant)| *meant);
    let near = meant.find(|meant| factor(meant, units).is_some());
    match units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(name, _)| *name).or(near) {
        Some(name) => format!("did you mean `{name}`?"),
        None => form.to_owned(),
    }
}

/// Reads a size in bytes, at least 1 and at most 256 MiB.
///
/// # Errors
/// Returns the reason if the value is not such a size.
pub fn bytes(value: &str) -> Result<u64, ScalarError> {
    match scaled(value, &SIZES, Some(1), "write bytes or a unit: `20MiB`")? {
        0 => Err(ScalarError::new("this size is too small", "write at least 1 byte")),
        bytes if bytes > MAX_BYTES => Err(ScalarError::new("this size is too large", "write at most `256MiB`")),
        bytes => Ok(bytes),
    }
}

/// Reads an amount of memory in bytes, 1 MiB to 1 TiB.
///
/// # Errors
/// Returns the reason if the value is not such an amount.
pub fn memory(value: &str) -> Result<u64, ScalarError> {
    match scaled(value, &SIZES, Some(1), "write bytes or a unit: `256MiB`, `2GiB`")? {
        bytes if bytes < *MEMORY.start() => Err(ScalarError::new("this is too little memory", "write at least `1MiB`")),
        bytes if bytes > *MEMORY.end() => Err(ScalarError::new("this is too much memory", "write at most `1024GiB`")),
        bytes => Ok(bytes),
    }
}

/// Reads a duration in milliseconds, at most a day; `0s` is allowed.
///
/// # Errors
/// Returns the reason if the value is not such a duration.
pub fn milliseconds(value: &str) -> Result<u64, ScalarError> {
    let time = scaled(value, &TIMES, None, "write a whole number with a unit: `500ms`, `20s`, `5m`, `1h`")?;
    if time > MAX_MILLISECONDS {
        return Err(ScalarError::new("this time is too long", "write at most a day: `24h`"));
    }
    Ok(time)
}

pub(super) fn timeout(value: &str) -> Result<(), ScalarError> {
    match milliseconds(value)? {
        0 => Err(ScalarError::new("a timeout cannot be 0", "write a longer time with a unit: `500ms`, `20s`, `5m`")),
        _ => Ok(()),
    }
}

/// Names of times of retention, and their days.
const RETENTION_PRESETS: [(&str, &str); 3] = [
    // Six months: Regulation (EU) 2024/1689, articles 19 and 26(6).
    ("eu-ai-act", "183d"),
    // Twelve months: PCI DSS 4.0.1, requirement 10.5.1.
    ("pci-dss", "365d"),
    // Six years: 45 CFR 164.316(b)(2)(i).
    ("hipaa", "2192d"),
];

/// Checks a number of whole days, and returns it as written, or that of a preset.
///
/// # Errors
/// Returns the reason if the value is not such a number.
pub fn retention(value: &str) -> Result<&str, ScalarError> {
    const FORM: &str = "write whole days: `90d`; or `eu-ai-act` (183d), `pci-dss` (365d), `hipaa` (2192d)";
    if let Some((_, days)) = RETENTION_PRESETS.iter().find(|(name, _)| *name == value) {
        return Ok(days);
    }
    match scaled(value, &[("d", 1)], None, FORM)? {
        0 => Err(ScalarError::new("this retention is too short", "write at least `1d`")),
        days if days > MAX_DAYS => {
            Err(ScalarError::new("this retention is too long", "write at most `36500d`, a hundred years"))
        }
        _ if value.contains(' ') => Err(ScalarError::new("there is a space in this number of days", FORM)),
        _ if value.starts_with('0') => Err(ScalarError::new("this number of days begins with 0", FORM)),
        _ => Ok(value),
    }
}

/// Reads a whole number.
///
/// # Errors
/// Returns the reason if the value is not a whole number or is too large.
pub fn count(value: &str) -> Result<u32, ScalarError> {
    let too_large = || ScalarError::new(super::number::TOO_LARGE, "write at most 1000000000");
    let number = match whole(value) {
        Err(super::number::TOO_LARGE) => return Err(too_large()),
        other => other.map_err(|flaw| ScalarError::new(flaw, "write a whole number in digits only: `3`"))?,
    };
    u32::try_from(number).ok().filter(|_| number <= MAX_COUNT).ok_or_else(too_large)
}

/// Largest number of attempts for one request: more would multiply an outage.
pub const MAX_ATTEMPTS: u32 = 16;

/// Reads a number of attempts, 1 to 16.
///
/// # Errors
/// Returns the reason if the value is not such a number.
pub fn attempts(value: &str) -> Result<u32, ScalarError> {
    const FORM: &str = "write a number from 1 to 16";
    match whole(value) {
        Ok(0) => Err(ScalarError::new("a request needs at least one attempt", FORM)),
        Ok(number @ 1..=16) => Ok(u32::try_from(number).unwrap_or(MAX_ATTEMPTS)),
        Ok(_) | Err(super::number::TOO_LARGE) => Err(ScalarError::new("a request has at most 16 attempts", FORM)),
        Err(flaw) => Err(ScalarError::new(flaw, FORM)),
    }
}

pub(super) fn positive(value: &str) -> Result<(), ScalarError> {
    match count(value)? {
        0 => Err(ScalarError::new("this number is too small", "write at least 1")),
        _ => Ok(()),
    }
}

/// Reads `true` or `false`.
///
/// # Errors
/// Returns an error for any other text.
pub fn flag(value: &str) -> Result<bool, ScalarError> {
    let meant = match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => "did you mean `true`?",
        "false" | "no" | "off" | "0" => "did you mean `false`?",
        _ => "write `true` or `false`",
    };
    value.parse().map_err(|_| ScalarError::new("this must be `true` or `false`", meant))
}

/// Checks a word of [`TRIGGERS`] or a status from 400 to 599, and returns it as written.
///
/// # Errors
/// Returns the reason for any other text.
pub fn status_or_word(value: &str) -> Result<&str, ScalarError> {
    const FORM: &str = "write `connect`, `timeout`, `reset`, `429`, `5xx`, or a status from 400 to 599";
    if TRIGGERS.contains(&value) {
        return Ok(value);
    }
    match whole(value) {
        Ok(status) if value.len() == 3 && (400..=599).contains(&status) => Ok(value),
        Ok(_) => Err(ScalarError::new("this is not an error status", FORM)),
        Err(_) if value.eq_ignore_ascii_case("4xx") => Err(ScalarError::new(
            "there is no `4xx`: most 4xx are errors of the client",
            "list the statuses that another target may answer better: `408`, `429`",
        )),
        Err(_) => {
            let help =
                nearest(value, TRIGGERS).map_or_else(|| FORM.to_owned(), |near| format!("did you mean `{near}`?"));
            Err(ScalarError::new("unknown failover condition", &help))
        }
    }
}
