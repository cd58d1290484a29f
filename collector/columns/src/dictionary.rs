//! The dictionary: each distinct name is stored once as text, and columns hold its id.
//!
//! The same few hundred names occur in millions of records. As ids they take a byte or two in a column.
//!
//! All functions that return a `Result` fail only with the error of the database.

mod bulk;
mod prefetch;

pub use bulk::{members, sets_with, texts};

use headgate_collector_db::{self as db, Db, OptionalExtension};
use std::collections::{HashMap, HashSet};

/// Most cached names. When there are more, the cache is emptied.
const MAX_CACHED: usize = 50_000;

/// Stands for the id of a name that has none. No row has it, so such a name matches nothing.
const NO_ID: i64 = -1;

/// Ids of names and of sets of names.
pub trait Dictionary {
    /// Returns the id of a name.
    fn name_id(&mut self, text: &str) -> db::Result<i64>;

    /// Returns the id of a set, whose members are ids of names in ascending order.
    fn set_id(&mut self, members: &[i64]) -> db::Result<i64>;
}

/// Ids of names and sets, by their texts.
#[derive(Debug, Default)]
struct CachedIds {
    names: HashMap<String, i64>,
    sets: HashMap<String, i64>,
}

/// A writer's cache of ids. It must be emptied by [`DictionaryCache::clear`] when a transaction is rolled back.
#[derive(Debug, Default)]
pub struct DictionaryCache(CachedIds);

impl DictionaryCache {
    /// Returns a dictionary that inserts unknown names.
    pub fn writer<'n>(&'n mut self, db: &'n Db) -> DictionaryWriter<'n> {
        DictionaryWriter { db, cache: &mut self.0 }
    }

    /// Empties the cache, after a transaction that was rolled back.
    pub fn clear(&mut self) {
        self.0 = CachedIds::default();
    }
}

/// Looks up ids, and inserts names and sets that have none.
#[derive(Debug)]
pub struct DictionaryWriter<'n> {
    db: &'n Db,
    cache: &'n mut CachedIds,
}

impl Dictionary for DictionaryWriter<'_> {
    fn name_id(&mut self, text: &str) -> db::Result<i64> {
        cached_id(&mut self.cache.names, text, || get_or_insert(self.db, text))
    }

    fn set_id(&mut self, members: &[i64]) -> db::Result<i64> {
        let text = set_text(members);
        cached_id(&mut self.cache.sets, &text, || match set_id_of(self.db, &text)? {
            Some(id) => Ok(id),
            None => insert_set(self.db, &text, members),
        })
    }
}

/// Looks up ids without inserting any. A name without an id gets -1.
#[derive(Debug)]
pub struct DictionaryReader<'n> {
    db: &'n Db,
    cache: CachedIds,
}

impl<'n> DictionaryReader<'n> {
    /// Returns a reader with an empty cache.
    pub fn new(db: &'n Db) -> Self {
        Self { db, cache: CachedIds::default() }
    }
}

impl Dictionary for DictionaryReader<'_> {
    fn name_id(&mut self, text: &str) -> db::Result<i64> {
        cached_id(&mut self.cache.names, text, || Ok(id_of(self.db, text)?.unwrap_or(NO_ID)))
    }

    fn set_id(&mut self, members: &[i64]) -> db::Result<i64> {
        let text = set_text(members);
        cached_id(&mut self.cache.sets, &text, || Ok(set_id_of(self.db, &text)?.unwrap_or(NO_ID)))
    }
}

/// Returns the id of a text from the cache, or finds it and caches it.
fn cached_id(cache: &mut HashMap<String, i64>, text: &str, find: impl FnOnce() -> db::Result<i64>) -> db::Result<i64> {
    if let Some(id) = cache.get(text) {
        return Ok(*id);
    }
    let id = find()?;
    if cache.len() >= MAX_CACHED {
        cache.clear();
    }
    cache.insert(text.to_owned(), id);
    Ok(id)
}

/// Returns the text under which a set is stored.
fn set_text(members: &[i64]) -> String {
    members.iter().map(i64::to_string).collect::<Vec<_>>().join(",")
}

fn set_id_of(db: &Db, text: &str) -> db::Result<Option<i64>> {
    db.prepare_cached("SELECT name_set FROM name_sets WHERE text = ?1")?.query_row([text], |row| row.get(0)).optional()
}

fn insert_set(db: &Db, text: &str, members: &[i64]) -> db::Result<i64> {
    let id = db.query_row("INSERT INTO name_sets (text) VALUES (?1) RETURNING name_set", [text], |row| row.get(0))?;
    let mut member = db.prepare_cached("INSERT INTO name_set_members (name, name_set) VALUES (?1, ?2)")?;
    for name in members {
        member.execute([*name, id])?;
    }
    Ok(id)
}

/// Returns the ids of the names that contain `text`, in upper or lower case.
pub fn ids_containing(db: &Db, text: &str) -> db::Result<HashSet<i64>> {
    let lowercase = db.as_stored(text).to_lowercase();
    let mut select = db.prepare_cached("SELECT name, text FROM names")?;
    let mut rows = select.query([])?;
    let mut found = HashSet::new();
    while let Some(row) = rows.next()? {
        if row.get_ref(1)?.as_str().is_ok_and(|name| name.to_lowercase().contains(&lowercase)) {
            found.insert(row.get(0)?);
        }
    }
    Ok(found)
}

/// Returns the text of a name; `None` if no name has this id.
pub fn text_of(db: &Db, name: i64) -> db::Result<Option<String>> {
    db.prepare_cached("SELECT text FROM names WHERE name = ?1")?.query_row([name], |row| row.get(0)).optional()
}

/// Returns the id of `text`, and inserts the name if it is unknown.
pub fn get_or_insert(db: &Db, text: &str) -> db::Result<i64> {
    match id_of(db, text)? {
        Some(id) => Ok(id),
        None => db.query_row("INSERT INTO names (text) VALUES (?1) RETURNING name", [text], |row| row.get(0)),
    }
}

/// Returns the id of `text`, if it has one.
pub fn id_of(db: &Db, text: &str) -> db::Result<Option<i64>> {
    db.prepare_cached("SELECT name FROM names WHERE text = ?1")?.query_row([text], |row| row.get(0)).optional()
}
