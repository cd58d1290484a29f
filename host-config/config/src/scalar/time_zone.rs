//! Reads time zones: their rules are compiled in, so that a policy means the same wherever it is rendered, also in a browser.

use super::error::ScalarError;
use headgate_limits::Zone;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The zones of the IANA database, one rule and its names per line. A rule is a POSIX `TZ` string; a zone that has none for the
/// years from 2024 on has its offsets instead: `@OFFSET SECONDS:OFFSET …;`. `tests/time_zones.rs` writes the file.
const RULES: &str = include_str!("time_zones.txt");

/// A year, s. The document contains the offsets of a zone from the start of last year on, for twelve years: a policy is
/// rendered anew long before, and two renderings in a year are the same.
const YEAR_S: i64 = 366 * 86_400;
const YEARS: i64 = 12;

pub(super) fn known(value: &str) -> Result<(), ScalarError> {
    time_zone(value, 0).map(drop)
}

/// Returns a time zone's offsets around `now`, seconds since the Unix epoch.
///
/// # Errors
/// Returns the reason if there is no zone of this name.
pub fn time_zone(value: &str, now: u64) -> Result<Zone, ScalarError> {
    if value == "UTC" {
        return Ok(Zone::default());
    }
    let start = i64::try_from(now).unwrap_or_default().div_euclid(YEAR_S).saturating_sub(1).saturating_mul(YEAR_S);
    let until = start.saturating_add(YEARS.saturating_mul(YEAR_S));
    let offsets = rule(value).and_then(|rule| match rule.strip_prefix('@') {
        Some(list) => listed(list, start, until),
        None => posix(rule, start, until),
    });
    match offsets {
        Some(offsets) => Ok(Zone { name: value.to_owned(), offsets }),
        None => Err(ScalarError::new(no_zone(value), "write an IANA name: `Europe/Berlin`, `America/New_York`, `UTC`")),
    }
}

/// Returns the rule of a zone; the case of its name does not matter.
fn rule(name: &str) -> Option<&'static str> {
    RULES.lines().find_map(|line| {
        let (rule, names) = line.split_once('\t')?;
        names.split(' ').any(|known| known.eq_ignore_ascii_case(name)).then_some(rule)
    })
}

fn posix(rule: &str, start: i64, until: i64) -> Option<Vec<(i64, i32)>> {
    let zone = TimeZone::posix(rule).ok()?;
    let from = Timestamp::from_second(start).ok()?;
    let first = (from.as_second(), zone.to_offset(from).seconds());
    let later = zone.following(from).map(|change| (change.timestamp().as_second(), change.offset().seconds()));
    Some(std::iter::once(first).chain(later.take_while(|(at, _)| *at < until)).collect())
}

/// Returns the listed offsets of a span of time, the first of them as of its start.
fn listed(list: &str, start: i64, until: i64) -> Option<Vec<(i64, i32)>> {
    let mut changes = list.split(' ');
    let mut offsets = vec![(start, changes.next()?.parse().ok()?)];
    for change in changes {
        let (at, offset) = change.split_once(':')?;
        let (at, offset) = (at.parse().ok()?, offset.parse().ok()?);
        if at <= start {
            offsets.clear();
            offsets.push((start, offset));
        } else if at < until {
            offsets.push((at, offset));
        }
    }
    Some(offsets)
}

fn no_zone(value: &str) -> &'static str {
    let offset = value.trim_start_matches("UTC").trim_start_matches("GMT");
    if offset.starts_with(['+', '-']) && offset.ends_with(|c: char| c.is_ascii_digit()) {
        return "this is an offset, not a time zone";
    }
    if value.is_empty() { "there is no time zone here" } else { "this time zone is not known" }
}
