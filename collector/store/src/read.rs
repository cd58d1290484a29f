//! Pages and single records.
//!
//! A page is ordered by `position`, the order in which entries were committed, and not by `started_at`: a record may
//! arrive late with an old time, and a reader that follows the log by time would never see it.

use super::leaf_hash::verify;
use headgate_collector_columns::identity::index_keys;
use headgate_collector_columns::{Direction, Filter, Predicate, Scan, resolve, with_time_range};
use headgate_collector_db::{self as db, Db, OptionalExtension, StoreError};
use headgate_collector_types::StoredEntry;
use schemars::JsonSchema;
use serde::Deserialize;

/// The size of records after which a page ends early, in bytes.
const MAX_PAGE_BYTES: usize = 8 << 20;

/// Which end of the log comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum Order {
    /// Oldest first: for following the log.
    #[serde(rename = "asc")]
    Ascending,
    /// Newest first.
    #[default]
    #[serde(rename = "desc")]
    Descending,
}

/// A query for one page of the request log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestQuery {
    /// Filters that must all hold.
    pub filters: Vec<Filter>,
    /// The least `started_at`, in µs.
    pub from: Option<i64>,
    /// The end of `started_at`, exclusive, in µs.
    pub to: Option<i64>,
    /// The order of the page.
    pub order: Order,
    /// The most entries.
    pub limit: usize,
    /// Only entries behind this position, in the page's order.
    pub after: Option<i64>,
    /// Only entries ahead of this position, in the page's order, and of those the nearest.
    pub before: Option<i64>,
}

/// A page of entries, each as the stored bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RequestPage {
    /// The records, and the positions of damaged ones.
    pub records: Vec<StoredEntry>,
    /// The position of each record.
    pub positions: Vec<i64>,
    /// Whether more records match beyond the last one; with `before`, beyond the first one.
    pub has_more: bool,
    /// The position of the first record.
    pub first: Option<i64>,
    /// The position of the last record.
    pub last: Option<i64>,
}

/// Returns the records with this id: one, unless several senders gave it to a record.
///
/// # Errors
/// The store cannot be read.
pub fn find_requests(db: &Db, id: &[u8; 16]) -> Result<Vec<StoredEntry>, StoreError> {
    let sql = "SELECT r.position, e.bytes, e.leaf FROM requests r LEFT JOIN request_entries e USING (position) WHERE r.id = ?1";
    let mut select = db.prepare_cached(sql)?;
    let mut records = Vec::new();
    for key in index_keys(id) {
        records.extend(select.query_row([key], |row| verify(row.get(0)?, row, 1, 2)).optional()?);
    }
    Ok(records)
}

/// Returns the positions of the records with this id: one, unless several senders gave it to a record.
///
/// # Errors
/// The store cannot be read.
pub fn request_positions(db: &Db, id: &[u8; 16]) -> Result<Vec<i64>, StoreError> {
    let mut select = db.prepare_cached("SELECT position FROM requests WHERE id = ?1")?;
    let mut positions = Vec::new();
    for key in index_keys(id) {
        positions.extend(select.query_row([key], |row| row.get::<_, i64>(0)).optional()?);
    }
    Ok(positions)
}

/// Returns the page that follows `query.after`, or that ends at `query.before`.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn list_requests(db: &Db, query: &RequestQuery) -> Result<RequestPage, StoreError> {
    page(db, query, query.before.is_some() && query.after.is_none())
}

fn page(db: &Db, query: &RequestQuery, backwards: bool) -> Result<RequestPage, StoreError> {
    let mut positions = positions(db, query, backwards)?;
    let mut page = RequestPage { has_more: positions.len() > query.limit, ..RequestPage::default() };
    positions.truncate(query.limit);
    let mut bytes = 0_usize;
    let mut records = Vec::with_capacity(positions.len());
    let mut select = db.prepare_cached("SELECT bytes, leaf FROM request_entries WHERE position = ?1")?;
    for position in positions {
        if bytes >= MAX_PAGE_BYTES {
            page.has_more = true;
            break;
        }
        let record = match select.query_row([position], |row| verify(position, row, 0, 1)) {
            // A record that the columns have and the log has not is lost. An unreadable record does not hide the others.
            Err(db::Error::NoRows | db::Error::Store(StoreError::Damaged)) => StoredEntry::Damaged(position),
            records => records?,
        };
        bytes = bytes.saturating_add(record.size());
        records.push((position, record));
    }
    if backwards {
        records.reverse();
    }
    page.first = records.first().map(|(position, _)| *position);
    page.last = records.last().map(|(position, _)| *position);
    (page.positions, page.records) = records.into_iter().unzip();
    Ok(page)
}

/// Returns a page as [`list_requests`] does, but `after` and `before` are both bounds and the page begins at `after`.
///
/// # Errors
/// As for [`list_requests`].
pub fn list_range(db: &Db, query: &RequestQuery) -> Result<RequestPage, StoreError> {
    page(db, query, false)
}

/// Returns the position of the next record.
///
/// # Errors
/// The store cannot be read.
pub fn next_request_position(db: &Db) -> Result<i64, StoreError> {
    let mut select = db.prepare_cached("SELECT next_position FROM log_heads WHERE log = 'requests'")?;
    Ok(select.query_row([], |row| row.get(0))?)
}

/// Returns the positions of the records that a page begins with, one more than the limit if there are more.
///
/// # Errors
/// As for [`list_requests`].
pub fn matching_positions(db: &Db, query: &RequestQuery) -> Result<Vec<i64>, StoreError> {
    positions(db, query, false)
}

/// Returns the positions of matching records, one more than the limit if there are more.
fn positions(db: &Db, query: &RequestQuery, backwards: bool) -> Result<Vec<i64>, StoreError> {
    let mut positions = Vec::new();
    let Some(predicates) = resolve(db, &with_time_range(&query.filters, query.from, query.to))? else {
        return Ok(positions);
    };
    let up = (query.order == Order::Ascending) != backwards;
    let direction = if up { Direction::Up } else { Direction::Down };
    let bounds = query.bounds();
    let scan = Scan { from: query.from, to: query.to, positions: bounds };
    let columns: Vec<_> = predicates.iter().flat_map(Predicate::columns).collect();
    scan.for_each_segment(db, direction, &columns, |view| {
        let mask = view.matching(&predicates)?;
        positions.extend(view.positions(&mask, direction, bounds));
        Ok(positions.len() <= query.limit)
    })?;
    positions.truncate(query.limit.saturating_add(1));
    Ok(positions)
}

impl RequestQuery {
    /// Returns the lowest and the highest position that may be in the page.
    fn bounds(&self) -> (i64, i64) {
        let (low, high) = match self.order {
            Order::Ascending => (self.after, self.before),
            Order::Descending => (self.before, self.after),
        };
        (low.map_or(1, |low| low.saturating_add(1)), high.map_or(i64::MAX, |high| high.saturating_sub(1)))
    }
}
