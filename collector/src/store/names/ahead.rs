//! Numbers for many names at once: where each question takes a way to a server, a batch asks once for all of its names.
//!
//! What reads a record need not know of it: it is run over the records beforehand, and names that it finds no number for
//! are noted instead.

use super::{CACHED, Names};
use crate::store::db::{Bulk, Result};
use std::collections::{BTreeSet, HashMap};

/// Gives numbers to the names that have none; all of them with their numbers.
const NAMES: &str =
    "WITH made AS (INSERT INTO names (text) SELECT unnest(?1) ON CONFLICT DO NOTHING RETURNING name, text)
    SELECT name, text FROM made UNION ALL SELECT name, text FROM names WHERE text = ANY (?1)";
/// The same for sets, which are texts of the numbers of their members.
const SETS: &str = "WITH made AS (INSERT INTO name_sets (text) SELECT unnest(?1) ON CONFLICT DO NOTHING
        RETURNING name_set, text),
      members AS (INSERT INTO name_set_members (name, name_set)
        SELECT CAST(member AS BIGINT), name_set FROM made, unnest(string_to_array(text, ',')) AS member)
    SELECT name_set, text FROM made UNION ALL SELECT name_set, text FROM name_sets WHERE text = ANY (?1)";

/// What is to be asked for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) names: BTreeSet<String>,
    pub(super) sets: BTreeSet<String>,
}

impl Names {
    /// Learns all names, and then all sets, that `read` asks for.
    pub(in crate::store) fn learn(
        &mut self,
        bulk: Bulk<'_>,
        mut read: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let wanted = self.wanted_by(&mut read)?;
        numbered(bulk, NAMES, wanted.names, &mut self.known)?;
        let wanted = self.wanted_by(&mut read)?;
        numbered(bulk, SETS, wanted.sets, &mut self.known_sets)
    }

    fn wanted_by(&mut self, read: &mut impl FnMut(&mut Self) -> Result<()>) -> Result<Wanted> {
        self.wanted = Some(Wanted::default());
        let done = read(self);
        let wanted = self.wanted.take().unwrap_or_default();
        done.map(|()| wanted)
    }
}

fn numbered(bulk: Bulk<'_>, sql: &str, texts: BTreeSet<String>, known: &mut HashMap<String, i64>) -> Result<()> {
    // Those with a NUL are stored otherwise than they are called, and asked for one by one.
    let texts: Vec<String> = texts.into_iter().filter(|text| !text.contains('\0')).collect();
    if !texts.is_empty() {
        let found = bulk.look_up_texts(sql, &texts, |row| Ok((row.get(1)?, row.get(0)?)))?;
        if known.len() >= CACHED {
            known.clear();
        }
        known.extend(found);
    }
    Ok(())
}
