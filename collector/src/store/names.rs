//! Names as numbers: what filters compare is stored once as text and counted from there.
//!
//! The same few hundred names stand in millions of rows. As numbers they make each index entry a few bytes, which is what
//! lets every filter have an index without slowing ingest down.

use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;

/// Names kept in memory; a flood of new names empties the cache rather than growing it.
const CACHED: usize = 50_000;

/// The writer's cache of names it has numbered. Forget it when a transaction is rolled back.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<String, i64>,
}

impl Names {
    /// The number of `text`, given now if it has none.
    pub(super) fn number(&mut self, db: &Connection, text: &str) -> rusqlite::Result<i64> {
        if let Some(number) = self.known.get(text) {
            return Ok(*number);
        }
        let number = give_number(db, text)?;
        if self.known.len() >= CACHED {
            self.known.clear();
        }
        self.known.insert(text.to_owned(), number);
        Ok(number)
    }

    /// As [`Names::number`], for a name that may be absent.
    pub(super) fn maybe(&mut self, db: &Connection, text: Option<&str>) -> rusqlite::Result<Option<i64>> {
        text.map(|text| self.number(db, text)).transpose()
    }

    /// Drops what was learnt in a transaction that did not happen.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}

/// As [`Names::number`], for one who has no cache.
pub(super) fn give_number(db: &Connection, text: &str) -> rusqlite::Result<i64> {
    match number_of(db, text)? {
        Some(number) => Ok(number),
        None => db.prepare_cached("INSERT INTO names (text) VALUES (?1)")?.insert([text]),
    }
}

/// The number of `text` if it has one.
pub(super) fn number_of(db: &Connection, text: &str) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT name FROM names WHERE text = ?1")?.query_row([text], |row| row.get(0)).optional()
}
