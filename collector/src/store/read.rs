//! Pages and single records.
//!
//! A page is ordered by `position`, the order in which entries were committed, and not by `started_at`: a record may
//! arrive late with an old time, and a reader that follows the log by time would never see it. A range of time is
//! found through the zones instead (see `schema.sql`).

use super::{StoreError, ZONE, names};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

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

/// What an entry must be. `column` and `sql` come from the program, never from a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The named column holds this name.
    Name {
        /// Column of `requests`.
        column: &'static str,
        /// The name, as in the record.
        text: String,
    },
    /// The expression has this value.
    Number {
        /// Expression over `requests`, as in its index.
        column: &'static str,
        /// The value.
        value: i64,
    },
    /// A fixed condition.
    Fixed(&'static str),
}

/// One page of the request log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListQuery {
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// `started_at` from here on, µs.
    pub from: Option<i64>,
    /// `started_at` before this, µs.
    pub to: Option<i64>,
    /// Which end comes first.
    pub order: Order,
    /// Most entries.
    pub limit: usize,
    /// Position of the last entry that was seen.
    pub after: Option<i64>,
}

/// Entries, each as the bytes that are stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The records.
    pub records: Vec<Vec<u8>>,
    /// Whether more match beyond the last one.
    pub has_more: bool,
    /// Position of the last one.
    pub last: Option<i64>,
}

/// The record with this id.
///
/// # Errors
/// The store cannot be read.
pub fn find(db: &Connection, id: &[u8; 16]) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(db
        .prepare_cached("SELECT e.bytes FROM requests r JOIN request_entries e USING (position) WHERE r.id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?)
}

/// The page that follows `query.after`.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn list(db: &Connection, query: &ListQuery) -> Result<Page, StoreError> {
    let mut statement = Statement::default();
    if !statement.conditions(db, query)? {
        return Ok(Page::default());
    }
    statement.range(query);
    let sql = statement.sql(query);
    let mut prepared = db.prepare_cached(&sql)?;
    let mut rows = prepared.query(params_from_iter(statement.values))?;
    let mut page = Page::default();
    let mut bytes = 0_usize;
    while let Some(row) = rows.next()? {
        if page.records.len() >= query.limit || bytes >= PAGE_BYTES {
            page.has_more = true;
            break;
        }
        let record: Vec<u8> = row.get(1)?;
        bytes = bytes.saturating_add(record.len());
        page.last = Some(row.get(0)?);
        page.records.push(record);
    }
    Ok(page)
}

/// How SQLite would go about it.
#[cfg(test)]
pub(crate) fn plan(db: &Connection, query: &ListQuery) -> Result<Vec<String>, StoreError> {
    let mut statement = Statement::default();
    assert!(statement.conditions(db, query)?, "an unknown name has no plan");
    statement.range(query);
    let sql = format!("EXPLAIN QUERY PLAN {}", statement.sql(query));
    let mut prepared = db.prepare(&sql)?;
    let steps = prepared.query_map(params_from_iter(statement.values), |row| row.get(3))?;
    Ok(steps.collect::<Result<_, _>>()?)
}

/// The pieces of a SELECT and the values of its parameters.
#[derive(Default)]
struct Statement {
    by_time: bool,
    terms: Vec<String>,
    values: Vec<Value>,
}

impl Statement {
    /// Adds the filters; `false` if one names what no record holds.
    fn conditions(&mut self, db: &Connection, query: &ListQuery) -> Result<bool, StoreError> {
        for condition in &query.conditions {
            match condition {
                Condition::Fixed(sql) => self.terms.push((*sql).to_owned()),
                Condition::Number { column, value } => self.term(&format!("{column} ="), *value),
                Condition::Name { column, text } => match names::number_of(db, text)? {
                    Some(number) => self.term(&format!("{column} ="), number),
                    None => return Ok(false),
                },
            }
        }
        Ok(true)
    }

    fn range(&mut self, query: &ListQuery) {
        self.by_time = query.from.is_some() || query.to.is_some();
        if self.by_time {
            self.terms.push(format!("r.position BETWEEN z.zone * {ZONE} AND z.zone * {ZONE} + {}", ZONE - 1));
        }
        if let Some(from) = query.from {
            self.term("z.newest >=", from);
            self.term("r.started_at >=", from);
        }
        if let Some(to) = query.to {
            self.term("z.oldest <", to);
            self.term("r.started_at <", to);
        }
        if let Some(after) = query.after {
            let (position, zone) = match query.order {
                Order::Descending => ("r.position <", "z.zone <="),
                Order::Ascending => ("r.position >", "z.zone >="),
            };
            self.term(position, after);
            if self.by_time {
                self.term(zone, after / ZONE);
            }
        }
    }

    fn term(&mut self, comparison: &str, value: i64) {
        self.values.push(Value::Integer(value));
        self.terms.push(format!("{comparison} ?{}", self.values.len()));
    }

    fn sql(&mut self, query: &ListQuery) -> String {
        let zones = if self.by_time { "zones z CROSS JOIN " } else { "" };
        let direction = match query.order {
            Order::Descending => "DESC",
            Order::Ascending => "ASC",
        };
        let by_zone = if self.by_time { format!("z.zone {direction}, ") } else { String::new() };
        let terms: String = self.terms.iter().map(|term| format!(" AND {term}")).collect();
        // One more than asked for tells whether there is more.
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
        self.values.push(Value::Integer(limit));
        format!(
            "SELECT r.position, e.bytes FROM {zones}requests r CROSS JOIN request_entries e
             WHERE e.position = r.position{terms} ORDER BY {by_zone}r.position {direction} LIMIT ?{}",
            self.values.len()
        )
    }
}
