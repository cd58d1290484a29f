//! Reads the values of limits and budgets: rates, periods and words.

use super::error::ScalarError;
use super::number::{TOO_LARGE, whole};
use super::text;
use super::words::word;
use headgate_limits::{Dimension, Period, WhenUnreachable};

pub(super) const BUDGET_PERIODS: [&str; 4] = ["day", "week", "month", "total"];
pub(super) const BUDGET_ACTIONS: [&str; 2] = ["block", "warn"];
pub(super) const WHEN_UNREACHABLE: [&str; 3] = ["last_known", "allow", "deny"];
pub(super) const DIMENSION_PATTERN: &str =
    "^(key|owner|team|project|application|model|provider|organization|environment|tag:[a-z0-9-]{1,64})$";

const DIMENSIONS: [&str; 9] =
    ["key", "owner", "team", "project", "application", "model", "provider", "organization", "environment"];

/// Largest amount. A larger one would be a mistake.
const MAX_AMOUNT: u64 = 1_000_000_000_000;

const PERIODS: [(&str, Period); 10] = [
    ("s", Period::Second),
    ("sec", Period::Second),
    ("second", Period::Second),
    ("m", Period::Minute),
    ("min", Period::Minute),
    ("minute", Period::Minute),
    ("h", Period::Hour),
    ("hour", Period::Hour),
    ("d", Period::Day),
    ("day", Period::Day),
];

/// Reads a rate such as `60/min`: an amount and its period.
///
/// # Errors
/// Returns the reason if the value is not a rate.
pub fn rate(value: &str) -> Result<(u64, Period), ScalarError> {
    const FORM: &str = "write a number and a time: `60/min`, `100k/min`, `5/s`, `1M/day`";
    let Some((amount, name)) = value.split_once('/') else {
        return Err(ScalarError::new("the unit of time is missing", FORM));
    };
    let period = PERIODS.iter().find(|(known, _)| *known == name.trim()).map(|(_, period)| *period);
    let period = period.ok_or_else(|| no_period(name.trim()))?;
    let amount = amount.trim();
    let (digits, factor) = match amount.char_indices().next_back() {
        Some((at, 'k')) => (amount.get(..at).unwrap_or_default(), 1_000),
        Some((at, 'M')) => (amount.get(..at).unwrap_or_default(), 1_000_000),
        _ => (amount, 1),
    };
    let too_large = || ScalarError::new("this amount is too large", "write at most 1000000M");
    match whole(digits.trim_end()) {
        Ok(0) => Err(ScalarError::new(
            "a limit of 0 rejects every request",
            "write at least 1; to turn a key off, write `disabled: true`",
        )),
        Ok(number) => match number.checked_mul(factor).filter(|amount| *amount <= MAX_AMOUNT) {
            Some(amount) => Ok((amount, period)),
            None => Err(too_large()),
        },
        Err(TOO_LARGE) => Err(too_large()),
        Err(_) if digits.ends_with(['K', 'm', 'g', 'G', 'b', 'B']) => {
            Err(ScalarError::new("unknown unit of an amount", "write `k` for thousands or `M` for millions"))
        }
        Err(flaw) => Err(ScalarError::new(flaw, FORM)),
    }
}

fn no_period(name: &str) -> ScalarError {
    let help = "write `s`, `min`, `h` or `day`";
    let meant = |unit: &str| ScalarError::new("unknown unit of time", &format!("did you mean `{unit}`?"));
    match name.to_ascii_lowercase().as_str() {
        "" => ScalarError::new("the unit of time is missing", help),
        "w" | "week" | "month" | "year" => {
            ScalarError::new("this period is too long for a limit", "write at most `day`")
        }
        "secs" | "seconds" => meant("s"),
        "mins" | "minutes" | "minute" | "min" | "m" => meant("min"),
        "hr" | "hrs" | "hours" | "hour" | "h" => meant("h"),
        "days" | "day" | "d" => meant("day"),
        name if name.starts_with(|c: char| c.is_ascii_digit()) => {
            ScalarError::new("a limit counts per one unit of time", "write the amount for one `s`, `min`, `h` or `day`")
        }
        _ => ScalarError::new("unknown unit of time", help),
    }
}

/// Reads a budget's period.
///
/// # Errors
/// Returns the known periods if it is not one of them.
pub fn budget_period(value: &str) -> Result<Period, ScalarError> {
    match value {
        "day" => Ok(Period::Day),
        "week" => Ok(Period::Week),
        "month" => Ok(Period::Month),
        "total" => Ok(Period::Total),
        _ => Err(other_word(value, &BUDGET_PERIODS, "unknown budget period")),
    }
}

pub(super) fn budget_action(value: &str) -> Result<(), ScalarError> {
    word(value, &BUDGET_ACTIONS, "unknown budget action")
}

/// Reads the handling of requests while the collector is unreachable.
///
/// # Errors
/// Returns the known values if it is not one of them.
pub fn when_unreachable(value: &str) -> Result<WhenUnreachable, ScalarError> {
    match value {
        "last_known" => Ok(WhenUnreachable::LastKnown),
        "allow" => Ok(WhenUnreachable::Allow),
        "deny" => Ok(WhenUnreachable::Deny),
        _ => Err(other_word(value, &WHEN_UNREACHABLE, "unknown value")),
    }
}

fn other_word(value: &str, words: &[&str], message: &str) -> ScalarError {
    word(value, words, message).err().unwrap_or_else(|| ScalarError::new(message, &words.join(", ")))
}

/// Reads a percentage, 1 to 100.
///
/// # Errors
/// Returns the reason if the value is not such a percentage.
pub fn percent(value: &str) -> Result<u8, ScalarError> {
    const FORM: &str = "write a whole number from 1 to 100";
    if value.strip_suffix('%').is_some_and(|number| whole(number.trim_end()).is_ok()) {
        return Err(ScalarError::new("a percentage is written without `%`", FORM));
    }
    match whole(value) {
        Ok(0) => Err(ScalarError::new("this percentage is too small", "write at least 1")),
        Ok(number @ 1..=100) => Ok(u8::try_from(number).unwrap_or(100)),
        Ok(_) | Err(TOO_LARGE) => Err(ScalarError::new("this percentage is too large", "write at most 100")),
        Err(flaw) => Err(ScalarError::new(flaw, FORM)),
    }
}

/// Reads a dimension by which requests are counted.
///
/// # Errors
/// Returns the known dimensions if it is not one of them.
pub fn dimension(value: &str) -> Result<Dimension, ScalarError> {
    Ok(match value {
        "key" => Dimension::Key,
        "owner" => Dimension::Owner,
        "team" => Dimension::Team,
        "project" => Dimension::Project,
        "application" => Dimension::Application,
        "model" => Dimension::Model,
        "provider" => Dimension::Provider,
        "organization" => Dimension::Organization,
        "environment" => Dimension::Environment,
        _ => return tag_dimension(value),
    })
}

fn tag_dimension(value: &str) -> Result<Dimension, ScalarError> {
    const FORM: &str = "write `key`, `owner`, `team`, `project`, `application`, `model`, `provider`, `organization`, `environment` or `tag:NAME`";
    match value.strip_prefix("tag:") {
        Some(tag) => text::tag(tag).map(|()| Dimension::Tag(tag.to_owned())),
        None => Err(other_word(value, &DIMENSIONS, "unknown dimension")).map_err(|wrong| {
            if wrong.help.starts_with("did") { wrong } else { ScalarError::new(&wrong.message, FORM) }
        }),
    }
}
