//! Pages and single records.
//!
//! A page is ordered by `position`, the order in which entries were committed, and not by `started_at`: a record may
//! arrive late with an old time, and a reader that follows the log by time would never see it.

use super::StoreError;
use super::columns::{Blocks, Direction, Filter, resolve, timed};
use super::db::{self, Db, OptionalExtension};
use super::leaf::Kept;

/// Bytes of records after which a page ends early.
const PAGE_BYTES: usize = 8 << 20;

/// Which end of the log comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Newest first.
    #[default]
    Descending,
    /// Oldest first: for following the log.
    Ascending,
}

/// One page of the request log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListQuery {
    /// All must hold.
    pub filters: Vec<Filter>,
    /// `started_at` from here on, µs.
    pub from: Option<i64>,
    /// `started_at` before this, µs.
    pub to: Option<i64>,
    /// Which end comes first.
    pub order: Order,
    /// Most entries.
    pub limit: usize,
    /// Only behind this position, in the page's order.
    pub after: Option<i64>,
    /// Only ahead of this position, in the page's order, and of those the nearest.
    pub before: Option<i64>,
}

/// Entries, each as the bytes that are stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The records, and the places of those that are damaged.
    pub records: Vec<Kept>,
    /// Whether more match beyond the last one; with `before`, beyond the first one.
    pub has_more: bool,
    /// Position of the first one.
    pub first: Option<i64>,
    /// Position of the last one.
    pub last: Option<i64>,
}

/// The record with this id.
///
/// # Errors
/// The store cannot be read.
pub fn find(db: &Db, id: &[u8; 16]) -> Result<Option<Kept>, StoreError> {
    let sql = "SELECT r.position, e.bytes, e.leaf FROM requests r LEFT JOIN request_entries e USING (position) WHERE r.id = ?1";
    Ok(db.prepare_cached(sql)?.query_row([id], |row| Kept::judge(row.get(0)?, row, 1, 2)).optional()?)
}

/// The page that follows `query.after`, or ends at `query.before`.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn list(db: &Db, query: &ListQuery) -> Result<Page, StoreError> {
    page(db, query, query.before.is_some() && query.after.is_none())
}

fn page(db: &Db, query: &ListQuery, backwards: bool) -> Result<Page, StoreError> {
    let mut found = positions(db, query, backwards)?;
    let mut page = Page { has_more: found.len() > query.limit, ..Page::default() };
    found.truncate(query.limit);
    let mut bytes = 0_usize;
    let mut read = Vec::with_capacity(found.len());
    let mut select = db.prepare_cached("SELECT bytes, leaf FROM request_entries WHERE position = ?1")?;
    for position in found {
        if bytes >= PAGE_BYTES {
            page.has_more = true;
            break;
        }
        let record = match select.query_row([position], |row| Kept::judge(position, row, 0, 1)) {
            // What the columns know of and the log does not is lost; what cannot be read does not hide the others.
            Err(db::Error::NoRows | db::Error::Store(StoreError::Damaged)) => Kept::Damaged(position),
            read => read?,
        };
        bytes = bytes.saturating_add(record.size());
        read.push((position, record));
    }
    if backwards {
        read.reverse();
    }
    page.first = read.first().map(|(position, _)| *position);
    page.last = read.last().map(|(position, _)| *position);
    page.records = read.into_iter().map(|(_, record)| record).collect();
    Ok(page)
}

/// As [`list`], but `after` and `before` are both bounds and the page begins at `after`.
///
/// # Errors
/// As for [`list`].
pub fn forward(db: &Db, query: &ListQuery) -> Result<Page, StoreError> {
    page(db, query, false)
}

/// Where the next record will be.
///
/// # Errors
/// The store cannot be read.
pub fn next_position(db: &Db) -> Result<i64, StoreError> {
    let mut select = db.prepare_cached("SELECT next_position FROM log_heads WHERE log = 'requests'")?;
    Ok(select.query_row([], |row| row.get(0))?)
}

/// Positions of what matches, one more than asked for if there is more.
fn positions(db: &Db, query: &ListQuery, backwards: bool) -> Result<Vec<i64>, StoreError> {
    let mut found = Vec::new();
    let Some(predicates) = resolve(db, &timed(&query.filters, query.from, query.to))? else {
        return Ok(found);
    };
    let up = (query.order == Order::Ascending) != backwards;
    let direction = if up { Direction::Up } else { Direction::Down };
    let bounds = query.bounds();
    let blocks = Blocks { from: query.from, to: query.to, positions: bounds };
    blocks.each(db, direction, |block| {
        let mask = block.matching(&predicates)?;
        found.extend(block.positions(&mask, direction, bounds));
        Ok(found.len() <= query.limit)
    })?;
    found.truncate(query.limit.saturating_add(1));
    Ok(found)
}

impl ListQuery {
    /// Lowest and highest position that may be in the page.
    fn bounds(&self) -> (i64, i64) {
        let (low, high) = match self.order {
            Order::Ascending => (self.after, self.before),
            Order::Descending => (self.before, self.after),
        };
        (low.map_or(1, |low| low.saturating_add(1)), high.map_or(i64::MAX, |high| high.saturating_sub(1)))
    }
}
