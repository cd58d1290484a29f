//! Ids of many names at once. Each query to a server is a round trip, so a batch looks up all its names in one query.

use super::{DictionaryWriter, MAX_CACHED, set_text};
use headgate_collector_db::{Bulk, Result};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

/// Inserts the names that are unknown; returns all of them with their ids.
const NAMES: &str =
    "WITH made AS (INSERT INTO names (text) SELECT unnest(?1) ON CONFLICT DO NOTHING RETURNING name, text)
    SELECT name, text FROM made UNION ALL SELECT name, text FROM names WHERE text = ANY (?1)";
/// The same for sets, which are texts of the ids of their members.
const SETS: &str = "WITH made AS (INSERT INTO name_sets (text) SELECT unnest(?1) ON CONFLICT DO NOTHING
        RETURNING name_set, text),
      members AS (INSERT INTO name_set_members (name, name_set)
        SELECT CAST(member AS BIGINT), name_set FROM made, unnest(string_to_array(text, ',')) AS member)
    SELECT name_set, text FROM made UNION ALL SELECT name_set, text FROM name_sets WHERE text = ANY (?1)";

impl DictionaryWriter<'_> {
    /// Caches the ids of names. On SQLite this does nothing, because an id is looked up when it is needed.
    pub fn prefetch_names<'t>(&mut self, names: impl Iterator<Item = &'t str>) -> Result<()> {
        let Some(bulk) = self.db.bulk() else { return Ok(()) };
        clear_if_full(&mut self.cache.names);
        // Names with a NUL are stored in another form, and looked up one by one.
        let unknown = names.filter(|name| !self.cache.names.contains_key(*name) && !name.contains('\0'));
        let unknown = unknown.map(str::to_owned).collect();
        look_up(bulk, NAMES, unknown, &mut self.cache.names)
    }

    /// Caches the ids of sets. The ids of their members must be cached before.
    pub fn prefetch_sets<'t>(&mut self, sets: impl Iterator<Item = &'t [Cow<'t, str>]>) -> Result<()> {
        let Some(bulk) = self.db.bulk() else { return Ok(()) };
        clear_if_full(&mut self.cache.sets);
        let texts = sets.filter_map(|members| self.text_of_set(members));
        let unknown = texts.filter(|text| !self.cache.sets.contains_key(text)).collect();
        look_up(bulk, SETS, unknown, &mut self.cache.sets)
    }

    /// Returns the text of a set, if the ids of all its members are cached.
    fn text_of_set(&self, members: &[Cow<'_, str>]) -> Option<String> {
        let ids: Option<BTreeSet<i64>> =
            members.iter().map(|name| self.cache.names.get(name.as_ref()).copied()).collect();
        ids.map(|ids| set_text(&ids.into_iter().collect::<Vec<_>>()))
    }
}

fn clear_if_full(cache: &mut HashMap<String, i64>) {
    if cache.len() >= MAX_CACHED {
        cache.clear();
    }
}

fn look_up(bulk: Bulk<'_>, sql: &str, texts: BTreeSet<String>, cache: &mut HashMap<String, i64>) -> Result<()> {
    if !texts.is_empty() {
        let texts: Vec<String> = texts.into_iter().collect();
        cache.extend(bulk.look_up_texts(sql, &texts, |row| Ok((row.get(1)?, row.get(0)?)))?);
    }
    Ok(())
}
