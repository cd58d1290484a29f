//! The parameters of `/v1/usage`; as everywhere, what is not understood is refused by name.

use crate::clock;
use crate::http::error::ApiError;
use crate::http::query::{NAMES, bad, class, exactly, pairs, status, time, truth, unknown};
use crate::store::{Calendar, Column, Filter, GroupBy, QUARTER_S, UsageQuery, Width};
use jiff::civil::Date;
use jiff::tz::TimeZone;

const DEFAULT_BUCKETS: usize = 31;
const MAX_BUCKETS: usize = 1_000;
/// Buckets between `from` and `to`.
const MAX_SPAN: i64 = 10_000;
/// Results after which a page ends, and most results of one bucket of a page.
const PAGE_ROWS: usize = 10_000;
/// Most results of one bucket of an export.
const EXPORT_ROWS: usize = 100_000;
const GROUPS: usize = 6;
/// From here on every zone's days consist of whole quarters of an hour. 1980-01-01T00:00:00Z, seconds.
const ZONES_SINCE: i64 = 315_532_800;
const YEAR_2100: i64 = 4_102_444_800;
const CURSOR: &str = "u1_";

/// Dimensions that are names, for groups and filters alike.
const DIMENSIONS: [&str; 9] =
    ["key_id", "owner", "team", "project", "environment", "surface", "requested_model", "served_model", "provider"];
const OWN: &str = "from, to, bucket, time_zone, group_by[], total, percentiles, status, status_class";

/// What a query string asks for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// From the page's beginning on.
    pub(super) query: UsageQuery,
    /// From the beginning on.
    pub(super) whole: UsageQuery,
    /// The groups by name.
    pub(super) groups: Vec<(&'static str, GroupBy)>,
    /// Whether the total is asked for.
    pub(super) total: bool,
}

/// What a path understands beside the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Also {
    /// Limit and cursor.
    Pages,
    /// Nothing.
    Export,
}

/// Parameters as they were given.
#[derive(Debug, Default)]
struct Given {
    from: Option<String>,
    to: Option<String>,
    width: Option<Width>,
    zone: Option<TimeZone>,
    groups: Vec<(&'static str, GroupBy)>,
    filters: Vec<Filter>,
    limit: Option<usize>,
    page: Option<i64>,
    total: bool,
    plain: bool,
}

/// Reads a query string.
pub(super) fn parse(query: &str, also: Also) -> Result<Wanted, ApiError> {
    let mut given = Given::default();
    for (name, value) in pairs(query, &["group_by", "group_by[]"])? {
        apply(&mut given, &name, value, also)?;
    }
    let calendar =
        Calendar { zone: given.zone.take().unwrap_or(TimeZone::UTC), width: given.width.unwrap_or(Width::Day) };
    let (from, to) = span(&given, &calendar)?;
    let whole = UsageQuery {
        filters: given.filters,
        from,
        to,
        calendar,
        groups: given.groups.iter().map(|(_, by)| *by).collect(),
        percentiles: !given.plain,
        buckets: given.limit.unwrap_or(DEFAULT_BUCKETS),
        page_rows: PAGE_ROWS,
        bucket_rows: if also == Also::Export { EXPORT_ROWS } else { PAGE_ROWS },
    };
    let begin = given.page.unwrap_or(from);
    if !(from..to).contains(&begin) {
        return Err(bad("page", "belongs to another `from` and `to`"));
    }
    Ok(Wanted { query: UsageQuery { from: begin, ..whole.clone() }, whole, groups: given.groups, total: given.total })
}

/// The cursor of a page that begins at this second. Its form is not part of the interface.
pub(super) fn cursor(second: i64) -> String {
    format!("{CURSOR}{second:x}")
}

fn apply(given: &mut Given, name: &str, value: String, also: Also) -> Result<(), ApiError> {
    match name {
        "from" => given.from = Some(value),
        "to" => given.to = Some(value),
        "bucket" => given.width = Some(width(name, &value)?),
        "time_zone" => given.zone = Some(zone(name, &value)?),
        "group_by" | "group_by[]" => given.groups.push(group(name, &value, &given.groups)?),
        "total" => given.total = truth(name, &value)?,
        "percentiles" => given.plain = !truth(name, &value)?,
        "status" => given.filters.push(exactly(Column::Status, status(name, &value)?)),
        "status_class" => given.filters.push(class(name, &value)?),
        "limit" if also == Also::Pages => given.limit = Some(limit(name, &value)?),
        "page" if also == Also::Pages => given.page = Some(page(name, &value)?),
        _ => match dimension(name) {
            Some((_, column)) => given.filters.push(Filter::Name(column, value)),
            None => return Err(unknown(name, &names(also))),
        },
    }
    Ok(())
}

fn dimension(name: &str) -> Option<(&'static str, Column)> {
    NAMES.into_iter().find(|(known, _)| *known == name && DIMENSIONS.contains(known))
}

fn names(also: Also) -> String {
    let own = if also == Also::Pages { ", limit, page" } else { "" };
    format!("{OWN}{own}, {}", DIMENSIONS.join(", "))
}

fn group(name: &str, value: &str, earlier: &[(&'static str, GroupBy)]) -> Result<(&'static str, GroupBy), ApiError> {
    let found = match value {
        "status" => Some(("status", GroupBy::Value(Column::Status))),
        "status_class" => Some(("status_class", GroupBy::StatusClass)),
        _ => dimension(value).map(|(known, column)| (known, GroupBy::Value(column))),
    };
    let group =
        found.ok_or_else(|| bad(name, &format!("must be one of {}, status, status_class", DIMENSIONS.join(", "))))?;
    if earlier.contains(&group) || earlier.len() >= GROUPS {
        return Err(bad(name, "may be given six times, each time with another value"));
    }
    Ok(group)
}

fn width(name: &str, value: &str) -> Result<Width, ApiError> {
    match value {
        "hour" => Ok(Width::Hour),
        "day" => Ok(Width::Day),
        "week" => Ok(Width::Week),
        "month" => Ok(Width::Month),
        _ => Err(bad(name, "must be hour, day, week or month")),
    }
}

fn zone(name: &str, value: &str) -> Result<TimeZone, ApiError> {
    TimeZone::get(value).map_err(|_| bad(name, "must be the name of a time zone, such as UTC or Europe/Berlin"))
}

fn limit(name: &str, value: &str) -> Result<usize, ApiError> {
    match value.parse::<usize>() {
        Ok(limit) if (1..=MAX_BUCKETS).contains(&limit) => Ok(limit),
        _ => Err(bad(name, "must be 1 to 1000 buckets")),
    }
}

fn page(name: &str, value: &str) -> Result<i64, ApiError> {
    let second = value.strip_prefix(CURSOR).and_then(|digits| i64::from_str_radix(digits, 16).ok());
    let whole = second.filter(|second| second.rem_euclid(QUARTER_S) == 0);
    whole.ok_or_else(|| bad(name, "must be a `next_page` of an earlier page, unchanged"))
}

/// From when to when, in seconds.
fn span(given: &Given, calendar: &Calendar) -> Result<(i64, i64), ApiError> {
    let Some(from) = &given.from else {
        return Err(bad("from", "is needed: a day as 2026-01-31, or a time as 2026-01-31T12:00:00Z"));
    };
    let from = second("from", from, &calendar.zone)?;
    let to = given.to.as_ref().map_or_else(|| Ok(now()), |to| second("to", to, &calendar.zone))?;
    if from >= to {
        return Err(bad("from", "must be earlier than `to`, which is now if it is not given"));
    }
    if (to - from) / calendar.width.least_seconds() > MAX_SPAN {
        return Err(bad("from", "and `to` are more than 10000 buckets apart: choose longer buckets"));
    }
    Ok((from, to))
}

/// The end of the quarter of an hour that is now.
fn now() -> i64 {
    (clock::now_us() / 1_000_000 / QUARTER_S + 1) * QUARTER_S
}

/// A day's beginning in its zone, or a time; a whole number of quarters of an hour.
fn second(name: &str, value: &str, zone: &TimeZone) -> Result<i64, ApiError> {
    let us = match day(value) {
        Some(day) => day.to_zoned(zone.clone()).map_err(|_| bad(name, "is no day"))?.timestamp().as_microsecond(),
        None => time(name, value)?,
    };
    let least = if *zone == TimeZone::UTC { 0 } else { ZONES_SINCE };
    let second = us.div_euclid(1_000_000);
    if !(least..=YEAR_2100).contains(&second) {
        return Err(bad(name, "must lie between 1970 and 2100, in a time zone other than UTC from 1980 on"));
    }
    if us.rem_euclid(QUARTER_S * 1_000_000) != 0 {
        return Err(bad(name, "must lie on a quarter of an hour: usage is counted by quarters"));
    }
    Ok(second)
}

fn day(value: &str) -> Option<Date> {
    (value.len() == 10).then(|| value.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_where_its_zone_says_and_other_times_stand_on_a_quarter() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(second("from", "2026-01-01", &TimeZone::UTC).unwrap(), 1_767_225_600);
        assert_eq!(second("from", "2026-01-01", &berlin).unwrap(), 1_767_222_000);
        assert_eq!(second("from", "2026-01-01T00:45:00Z", &berlin).unwrap(), 1_767_228_300);
        assert_eq!(second("from", "1767225600000000", &berlin).unwrap(), 1_767_225_600);
        for bad in ["2026-01-01T00:44:00Z", "1767225600000001", "1979-12-31", "2100-01-02", "2026-13-01", "yesterday"] {
            assert!(second("from", bad, &berlin).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_filters_and_the_groups_are_columns() {
        assert!(DIMENSIONS.iter().all(|name| dimension(name).is_some()));
        assert!(dimension("node").is_none(), "usage is not counted by node");
    }
}
