//! Searches entries for a text in any of their names.
//!
//! Many names may contain a text, too many for a condition in SQL, so the index rows are walked in the order of the page and
//! compared here.

use headgate_collector_columns::dictionary;
use headgate_collector_db::{Db, StoreError, Value, params_from_iter};
use std::collections::HashSet;

/// The columns that are searched.
const SEARCHED: [&str; 7] = ["type", "actor_id", "actor_name", "resource_id", "resource_name", "source", "address"];

/// The index rows that are read at a time.
const STEP: i64 = 4_096;

/// Returns the first positions, in this order, of entries with a name that contains the text, in any case. `terms` and their
/// `values` are the other conditions.
pub(super) fn positions(
    db: &Db,
    text: &str,
    terms: &str,
    values: &[Value],
    ascending: bool,
    limit: usize,
) -> Result<Vec<i64>, StoreError> {
    let names = dictionary::ids_containing(db, text)?;
    let (mut found, mut last) = (Vec::new(), None);
    while !names.is_empty() && found.len() < limit {
        let step = step(db, (terms, values), ascending, last)?;
        let is_last = step.len() < usize::try_from(STEP).unwrap_or(usize::MAX);
        last = step.last().map(|(position, _)| *position);
        let matching = step.iter().filter(|(_, ids)| has_any(ids, &names)).map(|(position, _)| *position);
        found.extend(matching.take(limit.saturating_sub(found.len())));
        if is_last {
            break;
        }
    }
    Ok(found)
}

fn has_any(ids: &[Option<i64>], names: &HashSet<i64>) -> bool {
    ids.iter().flatten().any(|id| names.contains(id))
}

type IdRow = (i64, [Option<i64>; SEARCHED.len()]);

/// Returns the index rows behind a position that meet the terms.
fn step(
    db: &Db,
    (terms, values): (&str, &[Value]),
    ascending: bool,
    last: Option<i64>,
) -> Result<Vec<IdRow>, StoreError> {
    let (comparison, direction) = if ascending { (">", "ASC") } else { ("<", "DESC") };
    let mut values = values.to_vec();
    values.extend([Value::Integer(last.unwrap_or(if ascending { 0 } else { i64::MAX })), Value::Integer(STEP)]);
    let sql = format!(
        "SELECT a.position, a.{} FROM audit a WHERE a.position {comparison} ?{}{terms} ORDER BY a.position {direction} LIMIT ?{}",
        SEARCHED.join(", a."),
        values.len() - 1,
        values.len()
    );
    let mut select = db.prepare_cached(&sql)?;
    let rows = select.query_map(params_from_iter(values), |row| {
        let mut ids = [None; SEARCHED.len()];
        for (id, column) in ids.iter_mut().zip(1..) {
            *id = row.get(column)?;
        }
        Ok((row.get(0)?, ids))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns positions as a list in SQL. The list of none names a position that no entry has.
pub(super) fn list(positions: &[i64]) -> String {
    match positions {
        [] => "0".to_owned(),
        some => some.iter().map(i64::to_string).collect::<Vec<_>>().join(","),
    }
}
