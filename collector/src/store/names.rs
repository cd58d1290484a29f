//! Names as numbers: what filters compare is stored once as text and counted from there.
//!
//! The same few hundred names stand in millions of records. As numbers they are a byte or two in a column.

mod ahead;
mod many;

pub(super) use many::{members, sets_with, texts};

use super::db::{self, Db, OptionalExtension};
use ahead::Wanted;
use std::collections::{HashMap, HashSet};

/// Names kept in memory; a flood of new names empties the cache rather than growing it.
const CACHED: usize = 50_000;

/// The writer's cache of names it has numbered. Forget it when a transaction is rolled back.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Whether names that have no number are given none.
    looking: bool,
    known: HashMap<String, i64>,
    known_sets: HashMap<String, i64>,
    /// Names are noted here rather than numbered.
    wanted: Option<Wanted>,
}

/// In place of the number of a name that has none.
const NO_NUMBER: i64 = -1;

impl Names {
    /// One that only looks numbers up.
    pub(super) fn looking() -> Self {
        Self { looking: true, ..Self::default() }
    }

    /// The number of `text`, given now if it has none.
    pub(super) fn number(&mut self, db: &Db, text: &str) -> db::Result<i64> {
        if let Some(number) = self.known.get(text) {
            return Ok(*number);
        }
        if let Some(wanted) = &mut self.wanted {
            wanted.names.insert(text.to_owned());
            return Ok(0);
        }
        let number = if self.looking { number_of(db, text)?.unwrap_or(NO_NUMBER) } else { give_number(db, text)? };
        if self.known.len() >= CACHED {
            self.known.clear();
        }
        self.known.insert(text.to_owned(), number);
        Ok(number)
    }

    /// As [`Names::number`], for a name that may be absent.
    pub(super) fn maybe(&mut self, db: &Db, text: Option<&str>) -> db::Result<Option<i64>> {
        text.map(|text| self.number(db, text)).transpose()
    }

    /// The number of a set of names, given in ascending order.
    pub(super) fn set(&mut self, db: &Db, members: &[i64]) -> db::Result<i64> {
        let text = members.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        if let Some(set) = self.known_sets.get(&text) {
            return Ok(*set);
        }
        if let Some(wanted) = &mut self.wanted {
            // A set is known by its members' numbers.
            if !members.contains(&0) {
                wanted.sets.insert(text);
            }
            return Ok(0);
        }
        let set = match set_number(db, &text)? {
            Some(set) => set,
            None if self.looking => NO_NUMBER,
            None => give_set_number(db, &text, members)?,
        };
        if self.known_sets.len() >= CACHED {
            self.known_sets.clear();
        }
        self.known_sets.insert(text, set);
        Ok(set)
    }

    /// Drops what was learnt in a transaction that did not happen.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.known_sets.clear();
    }
}

fn set_number(db: &Db, text: &str) -> db::Result<Option<i64>> {
    db.prepare_cached("SELECT name_set FROM name_sets WHERE text = ?1")?.query_row([text], |row| row.get(0)).optional()
}

fn give_set_number(db: &Db, text: &str, members: &[i64]) -> db::Result<i64> {
    let set = db.query_row("INSERT INTO name_sets (text) VALUES (?1) RETURNING name_set", [text], |row| row.get(0))?;
    let mut member = db.prepare_cached("INSERT INTO name_set_members (name, name_set) VALUES (?1, ?2)")?;
    for name in members {
        member.execute([*name, set])?;
    }
    Ok(set)
}

/// The names that contain `text`, upper or lower case.
pub(super) fn containing(db: &Db, text: &str) -> db::Result<HashSet<i64>> {
    let wanted = db.as_stored(text).to_lowercase();
    let mut select = db.prepare_cached("SELECT name, text FROM names")?;
    let mut rows = select.query([])?;
    let mut found = HashSet::new();
    while let Some(row) = rows.next()? {
        if row.get_ref(1)?.as_str().is_ok_and(|name| name.to_lowercase().contains(&wanted)) {
            found.insert(row.get(0)?);
        }
    }
    Ok(found)
}

/// The text of a name.
pub(super) fn text_of(db: &Db, name: i64) -> db::Result<Option<String>> {
    db.prepare_cached("SELECT text FROM names WHERE name = ?1")?.query_row([name], |row| row.get(0)).optional()
}

/// As [`Names::number`], for one who has no cache.
pub(super) fn give_number(db: &Db, text: &str) -> db::Result<i64> {
    match number_of(db, text)? {
        Some(number) => Ok(number),
        None => db.query_row("INSERT INTO names (text) VALUES (?1) RETURNING name", [text], |row| row.get(0)),
    }
}

/// The number of `text` if it has one.
pub(super) fn number_of(db: &Db, text: &str) -> db::Result<Option<i64>> {
    db.prepare_cached("SELECT name FROM names WHERE text = ?1")?.query_row([text], |row| row.get(0)).optional()
}
