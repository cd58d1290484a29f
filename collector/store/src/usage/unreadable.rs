//! Rows of the rollups that are damaged on disk.
//!
//! A row has no hash, so a change into another readable row is not noticed. An unreadable row would prevent any answer
//! for its whole span.

use super::dimensions::Dimensions;
use super::totals::Totals;
use headgate_collector_db::{Db, StoreError, params};

/// Drops the unreadable rows and returns their number.
pub fn drop_unreadable(db: &Db) -> Result<usize, StoreError> {
    let mut select = db.prepare_cached("SELECT level, start, combination, totals FROM usage_rollups")?;
    let mut rows = select.query([])?;
    let mut unreadable = Vec::<(i64, i64, Vec<u8>)>::new();
    while let Some(row) = rows.next()? {
        let (combination, totals): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
        if Dimensions::from_bytes(&combination).is_err() || Totals::default().merge_bytes(&totals, true).is_err() {
            unreadable.push((row.get(0)?, row.get(1)?, combination));
        }
    }
    let mut delete =
        db.prepare_cached("DELETE FROM usage_rollups WHERE level = ?1 AND start = ?2 AND combination = ?3")?;
    for (level, start, combination) in &unreadable {
        delete.execute(params![*level, *start, combination])?;
    }
    Ok(unreadable.len())
}
