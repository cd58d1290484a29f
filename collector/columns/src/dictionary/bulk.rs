//! Queries for many names, or many sets of names.
//!
//! Clients invent some names, so there may be a million. A query for each would then take longer than reading the table once;
//! on a server, each query is a round trip.

use headgate_collector_db::{Db, FromSql, Params, Result};
use std::collections::{HashMap, HashSet};

/// Most keys that are queried one by one. Above it, a range of the table is read instead.
const MAX_SINGLE_QUERIES: usize = 200;

/// Returns the sets that contain one of these names.
pub fn sets_with(db: &Db, names: &HashSet<i64>) -> Result<HashSet<i64>> {
    let found: Vec<(i64, i64)> = rows_of(db, "SELECT name, name_set FROM name_set_members", "name", names)?;
    Ok(found.into_iter().map(|(_, set)| set).collect())
}

/// Returns the members of each of these sets; a set that does not exist is left out.
pub fn members(db: &Db, sets: &HashSet<i64>) -> Result<HashMap<i64, Vec<i64>>> {
    let found: Vec<(i64, String)> = rows_of(db, "SELECT name_set, text FROM name_sets", "name_set", sets)?;
    let ids = |text: String| text.split(',').filter_map(|name| name.parse().ok()).collect();
    Ok(found.into_iter().map(|(set, text)| (set, ids(text))).collect())
}

/// Returns the texts of these names; an id without a name is left out.
pub fn texts(db: &Db, names: &HashSet<i64>) -> Result<HashMap<i64, String>> {
    Ok(rows_of(db, "SELECT name, text FROM names", "name", names)?.into_iter().collect())
}

/// Returns the rows, a key and a value each, of these keys.
fn rows_of<T: FromSql>(db: &Db, select: &str, key: &str, ids: &HashSet<i64>) -> Result<Vec<(i64, T)>> {
    if ids.len() > MAX_SINGLE_QUERIES {
        let ends = [ids.iter().min(), ids.iter().max()].map(|end| end.copied().unwrap_or_default());
        let all = rows(db, &format!("{select} WHERE {key} BETWEEN ?1 AND ?2"), ends)?;
        return Ok(all.into_iter().filter(|(id, _)| ids.contains(id)).collect());
    }
    let single = format!("{select} WHERE {key} = ?1");
    let mut found = Vec::new();
    for id in ids {
        found.extend(rows(db, &single, [*id])?);
    }
    Ok(found)
}

fn rows<T: FromSql>(db: &Db, sql: &str, params: impl Params) -> Result<Vec<(i64, T)>> {
    db.prepare_cached(sql)?.query_map(params, |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

#[cfg(test)]
mod tests {
    use super::{MAX_SINGLE_QUERIES, members, sets_with, texts};
    use crate::dictionary::{Dictionary, DictionaryCache};
    use headgate_collector_db::Db;
    use std::collections::HashSet;

    #[test]
    fn bulk_queries_equal_single_queries() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::sqlite_writer(&folder.path().join("names.db")).unwrap();
        // The tables as the store creates them.
        db.execute_batch(include_str!("../../../store/src/schema/1_requests.sql")).unwrap();
        db.execute_batch(include_str!("../../../store/src/schema/4_columns.sql")).unwrap();
        let mut cache = DictionaryCache::default();
        let count = MAX_SINGLE_QUERIES + 50;
        let mut writer = cache.writer(&db);
        let ids: Vec<i64> = (0..count).map(|n| writer.name_id(&format!("name-{n}")).unwrap()).collect();
        let sets: Vec<i64> = ids.windows(2).map(|pair| writer.set_id(pair).unwrap()).collect();
        for some in [3, count] {
            let some_names: HashSet<i64> = ids.iter().take(some).copied().chain([i64::MAX]).collect();
            let texts = texts(&db, &some_names).unwrap();
            assert_eq!(texts.len(), some);
            assert!(ids.iter().take(some).enumerate().all(|(n, id)| texts[id] == format!("name-{n}")));
            assert_eq!(sets_with(&db, &some_names).unwrap(), sets.iter().take(some).copied().collect());
            let some_sets: HashSet<i64> = sets.iter().take(some - 1).copied().collect();
            let members = members(&db, &some_sets).unwrap();
            assert_eq!(members.len(), some - 1);
            assert!(sets.iter().zip(ids.windows(2)).take(some - 1).all(|(set, pair)| members[set] == pair));
        }
    }
}
