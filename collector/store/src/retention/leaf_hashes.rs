//! Leaf hashes of deleted entries, for a hash tree over the log.
//!
//! Without them, no proof about the remaining entries could be made. The store keeps 32 bytes of each deleted entry until
//! a whole segment is gone. Then the tree's tiles have a hash for each 256 of its leaves, and the leaves themselves go. So in
//! the long run, 256 deleted entries cost 32 bytes. The price is that no proof can be made about a tree that ended between two
//! such hashes.

use crate::tree;
use headgate_collector_columns::{SEGMENT, first_of, segment_of};
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_collector_tree::CompactRange;
use headgate_collector_types::{LeafHash, Log};

/// Stores the hashes of deleted entries, each as (position, hash), in ascending order.
pub(super) fn store(tx: &Db, log: Log, deleted: &[(i64, LeafHash)]) -> Result<(), StoreError> {
    let mut insert = tx.prepare_cached("INSERT INTO gone_leaves (log, first, leaves) VALUES (?1, ?2, ?3)")?;
    let together =
        |a: &(i64, LeafHash), b: &(i64, LeafHash)| a.0.saturating_add(1) == b.0 && segment_of(a.0) == segment_of(b.0);
    for run in deleted.chunk_by(together) {
        if let Some((first, _)) = run.first() {
            let leaf_hashes: Vec<u8> = run.iter().flat_map(|(_, leaf_hash)| *leaf_hash).collect();
            insert.execute(params![log.as_str(), first, leaf_hashes])?;
        }
    }
    for same in deleted.chunk_by(|a, b| segment_of(a.0) == segment_of(b.0)) {
        if let Some((first, _)) = same.first() {
            compact(tx, log, segment_of(*first))?;
        }
    }
    Ok(())
}

/// Replaces a segment's leaves by their head once no entry of it is left.
fn compact(tx: &Db, log: Log, segment: i64) -> Result<(), StoreError> {
    let first = first_of(segment);
    let last = first.saturating_add(SEGMENT - 1);
    if !is_fully_deleted(tx, log, first, last)? || !tree::has_tiles_of(tx, log, segment)? {
        return Ok(());
    }
    let mut select =
        tx.prepare_cached("SELECT leaves FROM gone_leaves WHERE log = ?1 AND first BETWEEN ?2 AND ?3 ORDER BY first")?;
    let runs = select.query_map(params![log.as_str(), first, last], |row| row.get::<_, Vec<u8>>(0))?;
    let bytes = runs.collect::<Result<Vec<_>, _>>()?.concat();
    let (leaf_hashes, _) = bytes.as_chunks::<32>();
    // A position that was lost before its deletion has no hash. Then the other leaves stay.
    if i64::try_from(leaf_hashes.len()) != Ok(SEGMENT) {
        return Ok(());
    }
    let mut range = CompactRange::default();
    leaf_hashes.iter().for_each(|leaf_hash| range.push(*leaf_hash, |_, _, _| {}));
    tx.prepare_cached("INSERT INTO gone_segments (log, segment, head) VALUES (?1, ?2, ?3)")?.execute(params![
        log.as_str(),
        segment,
        range.root()
    ])?;
    tx.prepare_cached("DELETE FROM gone_leaves WHERE log = ?1 AND first BETWEEN ?2 AND ?3")?.execute(params![
        log.as_str(),
        first,
        last
    ])?;
    Ok(())
}

/// Returns whether the log has passed these positions and none of them has an entry.
fn is_fully_deleted(tx: &Db, log: Log, first: i64, last: i64) -> Result<bool, StoreError> {
    let next: i64 = tx
        .prepare_cached("SELECT next_position FROM log_heads WHERE log = ?1")?
        .query_row([log.as_str()], |row| row.get(0))?;
    if next <= last {
        return Ok(false);
    }
    let sql = format!("SELECT position FROM {} WHERE position BETWEEN ?1 AND ?2 LIMIT 1", log.table());
    let left: Option<i64> = tx.prepare_cached(&sql)?.query_row([first, last], |row| row.get(0)).optional()?;
    Ok(left.is_none())
}
