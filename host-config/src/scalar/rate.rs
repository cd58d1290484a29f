//! What limits and budgets are written in: amounts in a time, periods, zones, and words of theirs.

use super::{Wrong, text};
use headgate_limits::{Dimension, Period, WhenUnreachable, Zone};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(super) const BUDGET_PERIODS: [&str; 4] = ["day", "week", "month", "total"];
pub(super) const BUDGET_ACTIONS: [&str; 2] = ["block", "warn"];
pub(super) const WHEN_UNREACHABLE: [&str; 3] = ["last_known", "allow", "deny"];
pub(super) const DIMENSION_PATTERN: &str =
    "^(key|owner|team|project|application|model|provider|organization|environment|tag:[a-z0-9-]{1,64})$";

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
    let wrong = || {
        Wrong::new(
            "this is not an amount in a time",
            "write a number and a time: `60/min`, `100k/min`, `5/s`, `1M/day`",
        )
    };
    let (amount, period) = value.split_once('/').ok_or_else(wrong)?;
    let (_, period) = PERIODS.iter().find(|(name, _)| *name == period.trim()).ok_or_else(wrong)?;
    let amount = amount.trim();
    let (digits, factor) = match amount.char_indices().next_back() {
        Some((at, 'k')) => (amount.get(..at).unwrap_or_default(), 1_000),
        Some((at, 'M')) => (amount.get(..at).unwrap_or_default(), 1_000_000),
        _ => (amount, 1),
    };
    let digits = digits.trim_end();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let amount = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    match amount {
        Some(0) => Err(Wrong::new(
            "this lets nothing through at all",
            "write at least 1; to shut a key off, write `disabled: true`",
        )),
        Some(amount) if amount <= MAX_AMOUNT => Ok((amount, *period)),
        _ => Err(Wrong::new("this amount is too large", "write at most 1000000M")),
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
        _ => Err(Wrong::new("budgets have no such period", "write `day`, `week`, `month` or `total`")),
    }
}

pub(super) fn budget_action(value: &str) -> Result<(), Wrong> {
    if BUDGET_ACTIONS.contains(&value) {
        return Ok(());
    }
    Err(Wrong::new("budgets do nothing by this name", "write `block` or `warn`"))
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
        _ => Err(Wrong::new("this is no way to go on", "write `last_known`, `allow` or `deny`")),
    }
}

/// A percentage, 1 to 100.
///
/// # Errors
/// What it has to look like.
pub fn percent(value: &str) -> Result<u8, Wrong> {
    let number = value.parse().ok().filter(|percent| (1..=100).contains(percent));
    number.ok_or_else(|| Wrong::new("this is not a percentage", "write a whole number from 1 to 100"))
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
        _ => match value.strip_prefix("tag:").filter(|tag| text::tag(tag).is_ok()) {
            Some(tag) => Dimension::Tag(tag.to_owned()),
            None => {
                return Err(Wrong::new(
                    "requests are not told apart by this",
                    "write `key`, `owner`, `team`, `project`, `application`, `model`, `provider`, `organization`, `environment` or `tag:NAME`",
                ));
            }
        },
    })
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
    let wrong =
        || Wrong::new("this time zone is not known", "write an IANA name: `Europe/Berlin`, `America/New_York`, `UTC`");
    let zone = TimeZone::get(value).map_err(|_| wrong())?;
    let start = i64::try_from(now).unwrap_or_default().div_euclid(YEAR_S).saturating_sub(1).saturating_mul(YEAR_S);
    let from = Timestamp::from_second(start).map_err(|_| wrong())?;
    let until = start.saturating_add(YEARS.saturating_mul(YEAR_S));
    let first = (from.as_second(), zone.to_offset(from).seconds());
    let later = zone.following(from).map(|change| (change.timestamp().as_second(), change.offset().seconds()));
    let offsets = std::iter::once(first).chain(later.take_while(|(at, _)| *at < until)).collect();
    Ok(Zone { name: value.to_owned(), offsets })
}
