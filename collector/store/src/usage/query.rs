//! A query of usage and its results.

use super::calendar::Calendar;
use super::dimensions::GroupBy;
use super::totals::Totals;
use headgate_collector_columns::Filter;

/// A query of usage.
#[derive(Debug, Clone)]
pub struct UsageQuery {
    /// Filters that must all hold.
    pub filters: Vec<Filter>,
    /// The first second, a multiple of [`super::QUARTER_S`].
    pub from: i64,
    /// The end in seconds, exclusive, a multiple as well.
    pub to: i64,
    /// The division of time.
    pub calendar: Calendar,
    /// The grouping of results.
    pub groups: Vec<GroupBy>,
    /// Whether histograms are read.
    pub percentiles: bool,
    /// The most buckets of the calendar in a page.
    pub buckets: usize,
    /// The number of results after which a page ends. A bucket is never divided.
    pub page_rows: usize,
    /// The most results of one bucket.
    pub bucket_rows: usize,
}

#[cfg(test)]
impl UsageQuery {
    /// Returns a query for the day of UTC that begins at this second.
    pub(crate) fn of_day(from: i64) -> Self {
        Self {
            filters: Vec::new(),
            from,
            to: from + super::DAY_S,
            calendar: Calendar { zone: jiff::tz::TimeZone::UTC, width: super::Width::Day },
            groups: Vec::new(),
            percentiles: true,
            buckets: 1,
            page_rows: 1,
            bucket_rows: 1,
        }
    }
}

/// One result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// The values in the order of the query's groups; `None` where a record has no value.
    pub values: Vec<Option<String>>,
    /// The totals.
    pub totals: Totals,
}

/// The results of one bucket of the calendar, in the order of their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageBucket {
    /// The first second.
    pub start: i64,
    /// The second after the last one.
    pub end: i64,
    /// One result for each group with usage.
    pub rows: Vec<UsageRow>,
}

/// Buckets in the order of time, including empty ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsagePage {
    /// The buckets.
    pub buckets: Vec<UsageBucket>,
    /// The `from` of the next page, if there is more.
    pub next: Option<i64>,
}

impl UsagePage {
    /// Returns the sum of the bucket's results.
    #[must_use]
    pub fn total(&self) -> Totals {
        let mut total = Totals::default();
        self.buckets.iter().flat_map(|bucket| &bucket.rows).for_each(|row| total.merge(&row.totals));
        total
    }
}
