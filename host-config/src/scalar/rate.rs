//! What limits and budgets are written in: amounts in a time, periods, zones, and words of theirs.

use super::number::{TOO_LARGE, whole};
use super::quantity::word;
use super::{Wrong, text};
use headgate_limits::{Dimension, Period, WhenUnreachable, Zone};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(super) const BUDGET_PERIODS: [&str; 4] = ["day", "week", "month", "total"];
pub(super) const BUDGET_ACTIONS: [&str; 2] = ["block", "warn"];
pub(super) const WHEN_UNREACHABLE: [&str; 3] = ["last_known", "allow", "deny"];
pub(super) const DIMENSION_PATTERN: &str =
    "^(key|owner|team|project|application|model|provider|organization|environment|tag:[a-z0-9-]{1,64})$";

const DIMENSIONS: [&str; 9] =
    ["key", "owner", "team", "project", "application", "model", "provider", "organization", "environment"];

/// Most that can be counted: more is surely a slip of the pen.
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

/// `60/min`: an amount, and the time it is for.
///
/// # Errors
/// What it has to look like.
pub fn rate(value: &str) -> Result<(u64, Period), Wrong> {
    const FORM: &str = "write a number and a time: `60/min`, `100k/min`, `5/s`, `1M/day`";
    let Some((amount, name)) = value.split_once('/') else {
        return Err(Wrong::new("it is not said in which time", FORM));
    };
    let period = PERIODS.iter().find(|(known, _)| *known == name.trim()).map(|(_, period)| *period);
    let period = period.ok_or_else(|| no_period(name.trim()))?;
    let amount = amount.trim();
    let (digits, factor) = match amount.char_indices().next_back() {
        Some((at, 'k')) => (amount.get(..at).unwrap_or_default(), 1_000),
        Some((at, 'M')) => (amount.get(..at).unwrap_or_default(), 1_000_000),
        _ => (amount, 1),
    };
    let too_large = || Wrong::new("this amount is too large", "write at most 1000000M");
    match whole(digits.trim_end()) {
        Ok(0) => Err(Wrong::new(
            "this lets nothing through at all",
            "write at least 1; to shut a key off, write `disabled: true`",
        )),
        Ok(number) => match number.checked_mul(factor).filter(|amount| *amount <= MAX_AMOUNT) {
            Some(amount) => Ok((amount, period)),
            None => Err(too_large()),
        },
        Err(TOO_LARGE) => Err(too_large()),
        Err(_) if digits.ends_with(['K', 'm', 'g', 'G', 'b', 'B']) => {
            Err(Wrong::new("this unit of an amount is not known", "write `k` for thousands or `M` for millions"))
        }
        Err(flaw) => Err(Wrong::new(flaw, FORM)),
    }
}

fn no_period(name: &str) -> Wrong {
    let help = "write `s`, `min`, `h` or `day`";
    match name.to_ascii_lowercase().as_str() {
        "" => Wrong::new("it is not said in which time", help),
        "w" | "week" | "month" | "year" => Wrong::new("a limit has no time as long as this", "write at most `day`"),
        name if name.starts_with(|c: char| c.is_ascii_digit()) => {
            Wrong::new("a limit is for one unit of time", "write an amount for one `s`, `min`, `h` or `day`")
        }
        _ => Wrong::new("this unit of time is not known", help),
    }
}

/// A budget's period.
///
/// # Errors
/// What there is.
pub fn budget_period(value: &str) -> Result<Period, Wrong> {
    match value {
        "day" => Ok(Period::Day),
        "week" => Ok(Period::Week),
        "month" => Ok(Period::Month),
        "total" => Ok(Period::Total),
        _ => Err(other_word(value, &BUDGET_PERIODS, "budgets have no such period")),
    }
}

pub(super) fn budget_action(value: &str) -> Result<(), Wrong> {
    word(value, &BUDGET_ACTIONS, "budgets do nothing by this name")
}

/// What to do while the collector cannot be reached.
///
/// # Errors
/// What there is.
pub fn when_unreachable(value: &str) -> Result<WhenUnreachable, Wrong> {
    match value {
        "last_known" => Ok(WhenUnreachable::LastKnown),
        "allow" => Ok(WhenUnreachable::Allow),
        "deny" => Ok(WhenUnreachable::Deny),
        _ => Err(other_word(value, &WHEN_UNREACHABLE, "this is no way to go on")),
    }
}

fn other_word(value: &str, words: &[&str], message: &str) -> Wrong {
    word(value, words, message).err().unwrap_or_else(|| Wrong::new(message, &words.join(", ")))
}

/// A percentage, 1 to 100.
///
/// # Errors
/// What it has to look like.
pub fn percent(value: &str) -> Result<u8, Wrong> {
    const FORM: &str = "write a whole number from 1 to 100";
    if value.strip_suffix('%').is_some_and(|number| whole(number.trim_end()).is_ok()) {
        return Err(Wrong::new("a percentage has no sign here", FORM));
    }
    match whole(value) {
        Ok(0) => Err(Wrong::new("this percentage is too small", "write at least 1")),
        Ok(number @ 1..=100) => Ok(u8::try_from(number).unwrap_or(100)),
        Ok(_) | Err(TOO_LARGE) => Err(Wrong::new("this percentage is too large", "write at most 100")),
        Err(flaw) => Err(Wrong::new(flaw, FORM)),
    }
}

/// By what requests are told apart.
///
/// # Errors
/// What there is.
pub fn dimension(value: &str) -> Result<Dimension, Wrong> {
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

fn tag_dimension(value: &str) -> Result<Dimension, Wrong> {
    const FORM: &str = "write `key`, `owner`, `team`, `project`, `application`, `model`, `provider`, `organization`, `environment` or `tag:NAME`";
    match value.strip_prefix("tag:") {
        Some(tag) => text::tag(tag).map(|()| Dimension::Tag(tag.to_owned())),
        None => Err(other_word(value, &DIMENSIONS, "requests are not told apart by this"))
            .map_err(|wrong| if wrong.help.starts_with("did") { wrong } else { Wrong::new(&wrong.message, FORM) }),
    }
}

/// A year, s. The offsets of a zone are written down from the start of last year on, for twelve years: a policy is
/// rendered anew long before, and one that is rendered twice in a year is the same.
const YEAR_S: i64 = 366 * 86_400;
const YEARS: i64 = 12;

pub(super) fn known_time_zone(value: &str) -> Result<(), Wrong> {
    time_zone(value, 0).map(drop)
}

/// A time zone's offsets around `now`, seconds since the Unix epoch.
///
/// # Errors
/// If there is no zone by this name.
pub fn time_zone(value: &str, now: u64) -> Result<Zone, Wrong> {
    if value == "UTC" {
        return Ok(Zone::default());
    }
    let wrong = || Wrong::new(no_zone(value), "write an IANA name: `Europe/Berlin`, `America/New_York`, `UTC`");
    let zone = TimeZone::get(value).map_err(|_| wrong())?;
    let start = i64::try_from(now).unwrap_or_default().div_euclid(YEAR_S).saturating_sub(1).saturating_mul(YEAR_S);
    let from = Timestamp::from_second(start).map_err(|_| wrong())?;
    let until = start.saturating_add(YEARS.saturating_mul(YEAR_S));
    let first = (from.as_second(), zone.to_offset(from).seconds());
    let later = zone.following(from).map(|change| (change.timestamp().as_second(), change.offset().seconds()));
    let offsets = std::iter::once(first).chain(later.take_while(|(at, _)| *at < until)).collect();
    Ok(Zone { name: value.to_owned(), offsets })
}

fn no_zone(value: &str) -> &'static str {
    let offset = value.trim_start_matches("UTC").trim_start_matches("GMT");
    if offset.starts_with(['+', '-']) && offset.ends_with(|c: char| c.is_ascii_digit()) {
        return "this is an offset, not a time zone";
    }
    if value.is_empty() { "there is no time zone here" } else { "this time zone is not known" }
}
