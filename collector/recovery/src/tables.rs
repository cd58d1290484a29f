//! Copies the tables that cannot be built from the entries, such as tokens, counts of limits and heartbeats. They are copied
//! row by row, without the rows that cannot be read.
//!
//! A table is read forwards to the first damaged place, then backwards from its end to the last one. The rows between these
//! are read one by one.

use headgate_collector_db as db;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use std::collections::BTreeMap;
use std::path::Path;

type Result<T, E = rusqlite::Error> = std::result::Result<T, E>;

/// Most rows between two damaged places that are read one by one.
const MAX_BETWEEN: i64 = 1 << 20;

/// The result of copying a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CopiedTable {
    pub(super) table: String,
    /// Whether some rows could not be read.
    pub(super) incomplete: bool,
}

/// Opens a database for reading.
pub(super) fn open(image: &Path) -> db::Result<Connection> {
    Ok(Connection::open_with_flags(image, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

/// Copies every table that the database `to` has, except `excluded`.
///
/// # Errors
/// `to` cannot be written. Damage in `from` is no error, but makes a table incomplete.
pub(super) fn copy_all(from: &Connection, to: &Path, is_copied: fn(&str) -> bool) -> db::Result<Vec<CopiedTable>> {
    let to = Connection::open(to)?;
    let mut select = to.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    let names = select.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>>>()?;
    let wanted = names.into_iter().filter(|name| is_copied(name));
    wanted.map(|name| Ok(Table::of(&to, name)?.copy(from, &to)?)).collect()
}

/// A sender's node and boot, and (number, `started_at`) of records in ascending order.
type SeqsOfBoot = (String, String, Vec<(i64, i64)>);

/// Returns the numbers of the records at these positions, as far as they can be read.
pub(super) fn lost_seqs(from: &Connection, first: i64, last: i64) -> Vec<SeqsOfBoot> {
    let sql = "SELECT b.node, b.boot_id, r.seq, r.started_at FROM requests r JOIN boots b ON b.boot = r.boot
        WHERE r.position BETWEEN ?1 AND ?2";
    let mut found = BTreeMap::<(String, String), Vec<(i64, i64)>>::new();
    let Ok(mut select) = from.prepare_cached(sql) else { return Vec::new() };
    let read = |row: &rusqlite::Row<'_>| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)));
    let Ok(rows) = select.query_map([first, last], read) else { return Vec::new() };
    for (key, seq) in rows.map_while(Result::ok) {
        found.entry(key).or_default().push(seq);
    }
    found.values_mut().for_each(|seqs| seqs.sort_unstable());
    found.into_iter().map(|((node, boot), seqs)| (node, boot, seqs)).collect()
}

/// A table to copy, with the columns that both databases have.
struct Table {
    name: String,
    /// Name, and place in the primary key from 1; 0 if the column is not part of it.
    columns: Vec<(String, i64)>,
    /// Whether the table has row numbers.
    has_rowid: bool,
}

impl Table {
    fn of(db: &Connection, name: String) -> Result<Self> {
        let columns = columns(db, &name)?;
        let sql = "SELECT wr = 0 FROM pragma_table_list WHERE schema = 'main' AND name = ?1";
        let has_rowid = db.query_row(sql, [&name], |row| row.get(0))?;
        Ok(Self { name, columns, has_rowid })
    }

    fn copy(mut self, from: &Connection, to: &Connection) -> Result<CopiedTable> {
        let existing = columns(from, &self.name).unwrap_or_default();
        self.columns.retain(|(name, _)| existing.iter().any(|(known, _)| known == name));
        if self.columns.is_empty() {
            return Ok(CopiedTable { table: self.name, incomplete: true });
        }
        to.execute_batch("BEGIN")?;
        let incomplete = !self.copy_rows(from, to);
        to.execute_batch("COMMIT")?;
        Ok(CopiedTable { table: self.name, incomplete })
    }

    /// Copies the readable rows; returns whether these are all rows.
    fn copy_rows(&self, from: &Connection, to: &Connection) -> bool {
        let Err(first) = self.copy_until_damage(from, to, "ASC") else { return true };
        if let Err(last) = self.copy_until_damage(from, to, "DESC") {
            self.copy_between(from, to, first, last);
        }
        false
    }

    /// Copies rows from one end. The error is the number of the last row before the first damaged place.
    fn copy_until_damage(&self, from: &Connection, to: &Connection, direction: &str) -> Result<(), Option<i64>> {
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

    /// Copies the readable rows between two row numbers, one by one.
    fn copy_between(&self, from: &Connection, to: &Connection, first: Option<i64>, last: Option<i64>) {
        let (true, Some(last)) = (self.has_rowid, last) else { return };
        let first = first.unwrap_or(0).max(last.saturating_sub(MAX_BETWEEN));
        let Ok(mut select) = from.prepare(&format!("{} WHERE rowid = ?1", self.select())) else { return };
        for row_number in first.saturating_add(1)..last {
            // Rows that cannot be read or stored are left out.
            if let Ok(mut rows) = select.query([row_number])
                && let Ok(Some(row)) = rows.next()
            {
                let _ = self.store(to, row);
            }
        }
    }

    /// Returns the columns of the order in which the table is read.
    fn key(&self) -> Vec<String> {
        if self.has_rowid {
            return vec!["rowid".to_owned()];
        }
        let mut key: Vec<_> = self.columns.iter().filter(|(_, place)| *place > 0).collect();
        key.sort_by_key(|(_, place)| *place);
        key.into_iter().map(|(name, _)| name.clone()).collect()
    }

    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Returns the SELECT of the columns, followed by the row's number if it has one.
    fn select(&self) -> String {
        let row_number = if self.has_rowid { "rowid" } else { "NULL" };
        format!("SELECT {}, {row_number} FROM {}", self.names(), self.name)
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
