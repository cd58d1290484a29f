//! Questions about many names, or many sets of names.
//!
//! Clients make some of them up, so there may be a million. A question for each would then take longer than reading the
//! table once; to a server, each is a journey.

use crate::store::db::{Db, FromSql, Params, Result};
use std::collections::{HashMap, HashSet};

/// Questions that are asked one by one.
const ONE_BY_ONE: usize = 200;

/// The sets that have one of these names among them.
pub(in crate::store) fn sets_with(db: &Db, names: &HashSet<i64>) -> Result<HashSet<i64>> {
    let found: Vec<(i64, i64)> = of_each(db, "SELECT name, name_set FROM name_set_members", "name", names)?;
    Ok(found.into_iter().map(|(_, set)| set).collect())
}

/// The members of each of these sets; one that is not there has none.
pub(in crate::store) fn members(db: &Db, sets: &HashSet<i64>) -> Result<HashMap<i64, Vec<i64>>> {
    let found: Vec<(i64, String)> = of_each(db, "SELECT name_set, text FROM name_sets", "name_set", sets)?;
    let numbers = |text: String| text.split(',').filter_map(|name| name.parse().ok()).collect();
    Ok(found.into_iter().map(|(set, text)| (set, numbers(text))).collect())
}

/// The texts of these names; one that has no number is not among them.
pub(in crate::store) fn texts(db: &Db, names: &HashSet<i64>) -> Result<HashMap<i64, String>> {
    Ok(of_each(db, "SELECT name, text FROM names", "name", names)?.into_iter().collect())
}

/// Rows of a key and something, of those keys that are wanted.
fn of_each<T: FromSql>(db: &Db, select: &str, key: &str, wanted: &HashSet<i64>) -> Result<Vec<(i64, T)>> {
    if wanted.len() > ONE_BY_ONE {
        let ends = [wanted.iter().min(), wanted.iter().max()].map(|end| end.copied().unwrap_or_default());
        let all = rows(db, &format!("{select} WHERE {key} BETWEEN ?1 AND ?2"), ends)?;
        return Ok(all.into_iter().filter(|(number, _)| wanted.contains(number)).collect());
    }
    let one = format!("{select} WHERE {key} = ?1");
    let mut found = Vec::new();
    for number in wanted {
        found.extend(rows(db, &one, [*number])?);
    }
    Ok(found)
}

fn rows<T: FromSql>(db: &Db, sql: &str, params: impl Params) -> Result<Vec<(i64, T)>> {
    db.prepare_cached(sql)?.query_map(params, |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

#[cfg(test)]
mod tests {
    use super::{ONE_BY_ONE, members, sets_with, texts};
    use crate::store::names::Names;
    use crate::store::open_writer;
    use std::collections::HashSet;

    #[test]
    fn many_are_told_as_each_by_itself_would_be() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        let mut names = Names::default();
        let count = ONE_BY_ONE + 50;
        let numbers: Vec<i64> = (0..count).map(|n| names.number(&db, &format!("name-{n}")).unwrap()).collect();
        let sets: Vec<i64> = numbers.windows(2).map(|pair| names.set(&db, pair).unwrap()).collect();
        for some in [3, count] {
            let wanted: HashSet<i64> = numbers.iter().take(some).copied().chain([i64::MAX]).collect();
            let texts = texts(&db, &wanted).unwrap();
            assert_eq!(texts.len(), some);
            assert!(numbers.iter().take(some).enumerate().all(|(n, number)| texts[number] == format!("name-{n}")));
            assert_eq!(sets_with(&db, &wanted).unwrap(), sets.iter().take(some).copied().collect());
            let wanted: HashSet<i64> = sets.iter().take(some - 1).copied().collect();
            let members = members(&db, &wanted).unwrap();
            assert_eq!(members.len(), some - 1);
            assert!(sets.iter().zip(numbers.windows(2)).take(some - 1).all(|(set, pair)| members[set] == pair));
        }
    }
}
