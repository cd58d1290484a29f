//! Sums of usage for pages: all buckets of a query, added up by group and divided over time.

use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{self as store, Totals, UsageBucket, UsageQuery};
use std::collections::HashMap;

/// Maximum number of results that one page adds up.
const MAX_ROWS: usize = 100_000;

/// The measure of a group in a bucket.
pub(super) struct Cell {
    /// Place of the bucket.
    pub(super) span: usize,
    /// Place of the group.
    pub(super) group: usize,
    pub(super) value: u64,
}

/// The sums of a query with at most one group.
#[derive(Default)]
pub(super) struct UsageSums {
    /// Each group with its sum over all buckets.
    pub(super) groups: Vec<(Option<String>, Totals)>,
    /// The sum of all groups.
    pub(super) total: Totals,
    /// Start and end of each bucket, seconds.
    pub(super) spans: Vec<(i64, i64)>,
    /// The measure of all groups together, by bucket.
    pub(super) values: Vec<u64>,
    /// The measure by bucket and group, where it is not zero.
    pub(super) cells: Vec<Cell>,
}

/// Reads all buckets of a query and adds them up.
///
/// # Errors
/// The store cannot be read, or there are too many results.
pub(super) fn sums_of(db: &Db, query: UsageQuery, value: impl Fn(&Totals) -> u64) -> Result<UsageSums, StoreError> {
    let mut sums = UsageSums::default();
    let mut places = HashMap::new();
    each_bucket(db, query, |bucket| {
        let mut whole = Totals::default();
        for row in bucket.rows {
            whole.merge(&row.totals);
            let name = row.values.into_iter().next().flatten();
            let group = *places.entry(name.clone()).or_insert(sums.groups.len());
            if group == sums.groups.len() {
                sums.groups.push((name, Totals::default()));
            }
            let cell = Cell { span: sums.spans.len(), group, value: value(&row.totals) };
            if cell.value > 0 {
                sums.cells.push(cell);
            }
            if let Some((_, totals)) = sums.groups.get_mut(group) {
                totals.merge(&row.totals);
            }
        }
        sums.total.merge(&whole);
        sums.spans.push((bucket.start, bucket.end));
        sums.values.push(value(&whole));
    })?;
    Ok(sums)
}

/// Reads all buckets of a query; returns the start of each in seconds, with the sum of its groups.
///
/// # Errors
/// The store cannot be read, or there are too many results.
pub(super) fn by_bucket(db: &Db, query: UsageQuery) -> Result<Vec<(i64, Totals)>, StoreError> {
    let mut all = Vec::new();
    each_bucket(db, query, |bucket| {
        let mut whole = Totals::default();
        bucket.rows.iter().for_each(|row| whole.merge(&row.totals));
        all.push((bucket.start, whole));
    })?;
    Ok(all)
}

/// Reads the buckets of a query, page by page.
fn each_bucket(db: &Db, mut query: UsageQuery, mut take: impl FnMut(UsageBucket)) -> Result<(), StoreError> {
    let mut rows = 0_usize;
    loop {
        let page = store::usage(db, &query)?;
        rows = page.buckets.iter().fold(rows, |rows, bucket| rows.saturating_add(bucket.rows.len()));
        if rows > MAX_ROWS {
            return Err(StoreError::TooMuch);
        }
        page.buckets.into_iter().for_each(&mut take);
        let Some(next) = page.next else { return Ok(()) };
        query.from = next;
    }
}
