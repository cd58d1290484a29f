//! What a hash tree over a log needs of entries that are deleted.
//!
//! Without their hashes, no proof about the entries that are left could be made any more. 32 bytes are kept of each, until all of a
//! segment is gone; then its leaves are a whole subtree of the log's tree, and that subtree's head stands for them. So
//! what is kept of deleted entries in the long run is two bytes for a thousand. The price: a proof about a tree that ended
//! within such a segment cannot be made.

use super::super::columns::{SEGMENT, first_of, segment_of};
use super::super::db::{Db, OptionalExtension, params};
use super::super::{Leaf, Log, StoreError};
use sha2::{Digest, Sha256};

/// Keeps the hashes of entries, (position, hash) each in ascending order.
pub(super) fn keep(tx: &Db, log: Log, gone: &[(i64, Leaf)]) -> Result<(), StoreError> {
    let mut insert = tx.prepare_cached("INSERT INTO gone_leaves (log, first, leaves) VALUES (?1, ?2, ?3)")?;
    let together =
        |a: &(i64, Leaf), b: &(i64, Leaf)| a.0.saturating_add(1) == b.0 && segment_of(a.0) == segment_of(b.0);
    for run in gone.chunk_by(together) {
        if let Some((first, _)) = run.first() {
            let leaves: Vec<u8> = run.iter().flat_map(|(_, leaf)| *leaf).collect();
            insert.execute(params![log.as_str(), first, leaves])?;
        }
    }
    for same in gone.chunk_by(|a, b| segment_of(a.0) == segment_of(b.0)) {
        if let Some((first, _)) = same.first() {
            fold(tx, log, segment_of(*first))?;
        }
    }
    Ok(())
}

/// Runs of deleted places from `first` on, before `end`, ascending, both ends included.
pub(in crate::store) fn gone(db: &Db, log: Log, first: i64, end: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT first, length(leaves) FROM gone_leaves WHERE log = ?1 AND first >= ?2 AND first < ?3 ORDER BY first",
    )?;
    // A run that holds `first` begins in its segment.
    let begin = first_of(segment_of(first));
    let runs = select.query_map(params![log.as_str(), begin, end], |row| {
        let (from, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok((from, from.saturating_add(bytes / 32).saturating_sub(1)))
    })?;
    let mut runs = runs.collect::<Result<Vec<_>, _>>()?;
    let mut select =
        db.prepare_cached("SELECT segment FROM gone_segments WHERE log = ?1 AND segment BETWEEN ?2 AND ?3")?;
    let last = segment_of(end.saturating_sub(1));
    let whole = select.query_map(params![log.as_str(), segment_of(first), last], |row| row.get::<_, i64>(0))?;
    for segment in whole {
        let from = first_of(segment?);
        runs.push((from, from.saturating_add(SEGMENT - 1)));
    }
    runs.retain(|(_, last)| *last >= first);
    runs.sort_unstable();
    Ok(runs)
}

/// Puts a head in place of a segment's leaves, once nothing of it is left.
fn fold(tx: &Db, log: Log, segment: i64) -> Result<(), StoreError> {
    let first = first_of(segment);
    let last = first.saturating_add(SEGMENT - 1);
    if !is_over(tx, log, first, last)? {
        return Ok(());
    }
    let mut select =
        tx.prepare_cached("SELECT leaves FROM gone_leaves WHERE log = ?1 AND first BETWEEN ?2 AND ?3 ORDER BY first")?;
    let runs = select.query_map(params![log.as_str(), first, last], |row| row.get::<_, Vec<u8>>(0))?;
    let bytes = runs.collect::<Result<Vec<_>, _>>()?.concat();
    let (leaves, _) = bytes.as_chunks::<32>();
    // A place that was lost before it could be deleted has no hash: then the others stay as they are.
    if i64::try_from(leaves.len()) != Ok(SEGMENT) {
        return Ok(());
    }
    if let Some(head) = head(leaves.to_vec()) {
        tx.prepare_cached("INSERT INTO gone_segments (log, segment, head) VALUES (?1, ?2, ?3)")?.execute(params![
            log.as_str(),
            segment,
            head
        ])?;
        tx.prepare_cached("DELETE FROM gone_leaves WHERE log = ?1 AND first BETWEEN ?2 AND ?3")?.execute(params![
            log.as_str(),
            first,
            last
        ])?;
    }
    Ok(())
}

/// Whether the log has left these places behind and nothing stands there.
fn is_over(tx: &Db, log: Log, first: i64, last: i64) -> Result<bool, StoreError> {
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

/// The head of a tree over a power of two of leaves; `None` if there are none.
fn head(mut level: Vec<Leaf>) -> Option<Leaf> {
    while level.len() > 1 {
        let (pairs, _) = level.as_chunks::<2>();
        level = pairs.iter().map(|[left, right]| node(left, right)).collect();
    }
    level.into_iter().next()
}

fn node(left: &Leaf, right: &Leaf) -> Leaf {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::head;
    use crate::store::leaf;

    #[test]
    fn the_head_is_the_one_of_certificate_transparencys_test_vectors() {
        let entries: [&[u8]; 8] =
            [b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"];
        let leaves = entries.iter().map(|entry| leaf(entry)).collect();
        let hex: String = head(leaves).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }
}
