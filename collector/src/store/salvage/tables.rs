//! The tables that cannot be built from the entries: tokens, counts of limits, heartbeats and so on, row by row, round what
//! cannot be read.
//!
//! Forwards until something is damaged, backwards from the end until something is, and what lies between one by one.

use crate::store::db;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, Result, params_from_iter};
use std::path::Path;

/// Rows between two damaged places that are looked for one by one.
const BETWEEN: i64 = 1 << 20;

/// What became of a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) table: String,
    pub(super) rows: usize,
    /// Whether there were rows that could not be read.
    pub(super) incomplete: bool,
}

/// Opens a database to be read from.
pub(super) fn open(image: &Path) -> db::Result<Connection> {
    Ok(Connection::open_with_flags(image, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

/// Copies every table of the database `to` that is not among `others`.
pub(super) fn copy_all(from: &Connection, to: &Path, others: &[&str]) -> db::Result<Vec<Copied>> {
    let to = Connection::open(to)?;
    let mut select = to.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    let names = select.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>>>()?;
    let wanted = names.into_iter().filter(|name| !others.contains(&name.as_str()));
    wanted.map(|name| Ok(Table::of(&to, name)?.copy(from, &to)?)).collect()
}

struct Table {
    name: String,
    /// Name, and place in the primary key, from 1; 0 if it is no part of it.
    columns: Vec<(String, i64)>,
    /// Whether rows are numbered.
    numbered: bool,
}

impl Table {
    fn of(db: &Connection, name: String) -> Result<Self> {
        let columns = columns(db, &name)?;
        let sql = "SELECT wr = 0 FROM pragma_table_list WHERE schema = 'main' AND name = ?1";
        let numbered = db.query_row(sql, [&name], |row| row.get(0))?;
        Ok(Self { name, columns, numbered })
    }

    fn copy(mut self, from: &Connection, to: &Connection) -> Result<Copied> {
        let there = columns(from, &self.name).unwrap_or_default();
        self.columns.retain(|(name, _)| there.iter().any(|(known, _)| known == name));
        if self.columns.is_empty() {
            return Ok(Copied { table: self.name, rows: 0, incomplete: true });
        }
        to.execute_batch("BEGIN")?;
        let copied = self.walk(from, to);
        to.execute_batch("COMMIT")?;
        copied
    }

    fn walk(&self, from: &Connection, to: &Connection) -> Result<Copied> {
        let (mut rows, first) = self.scan(from, to, "ASC")?;
        let mut incomplete = false;
        if let Err(until) = first {
            let (more, second) = self.scan(from, to, "DESC")?;
            rows += more;
            if let Err(down_to) = second {
                rows += self.between(from, to, until, down_to)?;
                incomplete = true;
            }
        }
        Ok(Copied { table: self.name.clone(), rows, incomplete })
    }

    /// Reads from one end; gives the rows it stored, and if it met damage, the last row's first key column.
    fn scan(&self, from: &Connection, to: &Connection, direction: &str) -> Result<(usize, Result<(), Option<i64>>)> {
        let mut stored = 0;
        let mut last = None;
        let order: Vec<_> = self.key().into_iter().map(|name| format!("{name} {direction}")).collect();
        let Ok(mut select) = from.prepare(&format!("{} ORDER BY {}", self.select(), order.join(", "))) else {
            return Ok((0, Err(None)));
        };
        let mut rows = select.query([])?;
        loop {
            match rows.next() {
                Ok(None) => return Ok((stored, Ok(()))),
                Err(_) => return Ok((stored, Err(last))),
                Ok(Some(row)) => {
                    last = row.get(self.columns.len()).ok();
                    stored += self.store(to, row)?;
                }
            }
        }
    }

    fn between(&self, from: &Connection, to: &Connection, first: Option<i64>, last: Option<i64>) -> Result<usize> {
        let (true, Some(last)) = (self.numbered, last) else {
            return Ok(0);
        };
        let first = first.unwrap_or(0).max(last.saturating_sub(BETWEEN));
        let mut select = from.prepare(&format!("{} WHERE rowid = ?1", self.select()))?;
        let mut stored = 0;
        for number in first.saturating_add(1)..last {
            // What cannot be read is what this goes round.
            if let Ok(Some(row)) = select.query([number])?.next() {
                stored += self.store(to, row)?;
            }
        }
        Ok(stored)
    }

    fn key(&self) -> Vec<String> {
        if self.numbered {
            return vec!["rowid".to_owned()];
        }
        let mut key: Vec<_> = self.columns.iter().filter(|(_, place)| *place > 0).collect();
        key.sort_by_key(|(_, place)| *place);
        key.into_iter().map(|(name, _)| name.clone()).collect()
    }

    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The columns, and behind them the row's number if it has one.
    fn select(&self) -> String {
        let number = if self.numbered { "rowid" } else { "NULL" };
        format!("SELECT {}, {number} FROM {}", self.names(), self.name)
    }

    /// Stores a row; a row that the table does not take is lost.
    fn store(&self, to: &Connection, row: &rusqlite::Row<'_>) -> Result<usize> {
        let marks: Vec<_> = (1..=self.columns.len()).map(|place| format!("?{place}")).collect();
        let sql = format!("INSERT OR REPLACE INTO {} ({}) VALUES ({})", self.name, self.names(), marks.join(", "));
        let values = (0..self.columns.len()).map(|place| row.get::<_, Value>(place)).collect::<Result<Vec<_>>>();
        Ok(values.and_then(|values| to.prepare_cached(&sql)?.execute(params_from_iter(values))).unwrap_or(0))
    }
}

fn columns(db: &Connection, table: &str) -> Result<Vec<(String, i64)>> {
    let mut select = db.prepare("SELECT name, pk FROM pragma_table_info(?1)")?;
    select.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
