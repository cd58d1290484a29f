//! Leaf hashes of entries in the database: filled in, and checked when an entry is read.

use headgate_collector_db::{self as db, Db, Row, ValueRef, params};
use headgate_collector_types::{LeafHash, Log, StoredEntry, leaf_hash};

/// The rows of one step of [`fill`].
const STEP: i64 = 1_000;

/// Checks the entry in a row: its bytes and their hash. Values of another type are damage too.
///
/// # Errors
/// The database cannot be read.
pub fn verify(position: i64, row: &Row<'_>, bytes: usize, hash: usize) -> db::Result<StoredEntry> {
    let blob = |column| row.get_ref(column).and_then(ValueRef::as_blob);
    Ok(match (blob(bytes), blob(hash)) {
        (Ok(stored), Ok(hash)) if leaf_hash(stored) == hash => StoredEntry::Intact(stored.to_owned()),
        _ => StoredEntry::Damaged(position),
    })
}

/// Fills in the leaf hash of every entry of a log.
pub(super) fn fill(db: &Db, log: Log) -> db::Result<()> {
    let table = log.table();
    let select = format!("SELECT position, bytes FROM {table} WHERE position > ?1 ORDER BY position LIMIT ?2");
    let mut update = db.prepare_cached(&format!("UPDATE {table} SET leaf = ?2 WHERE position = ?1"))?;
    let mut last = 0_i64;
    loop {
        let mut select = db.prepare_cached(&select)?;
        let rows = select.query_map([last, STEP], |row| Ok((row.get(0)?, leaf_hash(row.get_ref(1)?.as_blob()?))))?;
        let rows = rows.collect::<db::Result<Vec<(i64, LeafHash)>>>()?;
        let Some((newest, _)) = rows.last() else {
            return Ok(());
        };
        last = *newest;
        for (position, leaf_hash) in rows {
            update.execute(params![position, leaf_hash])?;
        }
    }
}
