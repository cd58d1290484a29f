//! The tables that cannot be built from the entries: tokens, counts of limits, heartbeats and so on, row by row, round what
//! cannot be read.
//!
//! Forwards until something is damaged, backwards from the end until something is, and what lies between one by one.

use crate::store::db;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use std::collections::BTreeMap;
use std::path::Path;

type Result<T, E = rusqlite::Error> = std::result::Result<T, E>;

/// Rows between two damaged places that are looked for one by one.
const BETWEEN: i64 = 1 << 20;

/// What became of a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) table: String,
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

/// A sender's node and boot, and (number, `started_at`) of records in ascending order.
type Numbers = (String, String, Vec<(i64, i64)>);

/// What the records at these positions were numbered, as far as that can be read.
pub(super) fn numbers_of(from: &Connection, first: i64, last: i64) -> Vec<Numbers> {
    let sql = "SELECT b.node, b.boot_id, r.seq, r.started_at FROM requests r JOIN boots b ON b.boot = r.boot
        WHERE r.position BETWEEN ?1 AND ?2";
    let mut found = BTreeMap::<(String, String), Vec<(i64, i64)>>::new();
    let Ok(mut select) = from.prepare_cached(sql) else { return Vec::new() };
    let read = |row: &rusqlite::Row<'_>| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)));
    let Ok(rows) = select.query_map([first, last], read) else { return Vec::new() };
    for (key, number) in rows.map_while(Result::ok) {
        found.entry(key).or_default().push(number);
    }
    found.values_mut().for_each(|numbers| numbers.sort_unstable());
    found.into_iter().map(|((node, boot), numbers)| (node, boot, numbers)).collect()
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
            return Ok(Copied { table: self.name, incomplete: true });
        }
        to.execute_batch("BEGIN")?;
        let incomplete = !self.walk(from, to);
        to.execute_batch("COMMIT")?;
        Ok(Copied { table: self.name, incomplete })
    }

    /// Copies what can be read; whether that is everything.
    fn walk(&self, from: &Connection, to: &Connection) -> bool {
        let Err(until) = self.scan(from, to, "ASC") else { return true };
        if let Err(down_to) = self.scan(from, to, "DESC") {
            self.between(from, to, until, down_to);
        }
        false
    }

    /// Reads from one end; the error is where it met damage: the number of the last row before.
    fn scan(&self, from: &Connection, to: &Connection, direction: &str) -> Result<(), Option<i64>> {
        let order: Vec<_> = self.key().into_iter().map(|name| format!("{name} {direction}")).collect();
        let mut select = from.prepare(&format!("{} ORDER BY {}", self.select(), order.join(", "))).map_err(|_| None)?;
        let mut rows = select.query([]).map_err(|_| None)?;
        let mut last = None;
        while let Some(row) = rows.next().map_err(|_| last)? {
            last = row.get(self.columns.len()).ok();
            self.store(to, row).map_err(|_| last)?;
        }
        Ok(())
    }

    fn between(&self, from: &Connection, to: &Connection, first: Option<i64>, last: Option<i64>) {
        let (true, Some(last)) = (self.numbered, last) else { return };
        let first = first.unwrap_or(0).max(last.saturating_sub(BETWEEN));
        let Ok(mut select) = from.prepare(&format!("{} WHERE rowid = ?1", self.select())) else { return };
        for number in first.saturating_add(1)..last {
            // What cannot be read, or does not fit, is what this goes round.
            if let Ok(mut rows) = select.query([number])
                && let Ok(Some(row)) = rows.next()
            {
                let _ = self.store(to, row);
            }
        }
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

    fn store(&self, to: &Connection, row: &rusqlite::Row<'_>) -> Result<()> {
        let marks: Vec<_> = (1..=self.columns.len()).map(|place| format!("?{place}")).collect();
        let sql = format!("INSERT OR REPLACE INTO {} ({}) VALUES ({})", self.name, self.names(), marks.join(", "));
        let values = (0..self.columns.len()).map(|place| row.get::<_, Value>(place)).collect::<Result<Vec<_>>>()?;
        to.prepare_cached(&sql)?.execute(params_from_iter(values))?;
        Ok(())
    }
}

fn columns(db: &Connection, table: &str) -> Result<Vec<(String, i64)>> {
    let mut select = db.prepare("SELECT name, pk FROM pragma_table_info(?1)")?;
    select.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
