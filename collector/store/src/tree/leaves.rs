//! The leaves of a tree: of entries, of deleted entries, and what is known of lost ones.

use super::{index_of, position_of, stored};
use headgate_collector_columns::{SEGMENT, first_of, segment_of};
use headgate_collector_db::{Db, Row, StoreError, ValueRef, params};
use headgate_collector_tree::Hash;
use headgate_collector_types::Log;

/// Returns the leaves from index `first` to before `end`; `None` for a leaf that is not known. Both are within one segment.
pub(super) fn read(db: &Db, log: Log, first: u64, end: u64) -> Result<Vec<Option<Hash>>, StoreError> {
    let mut leaves = vec![None; usize::try_from(end.saturating_sub(first)).unwrap_or(0)];
    let mut put = |index: u64, hash: Hash| {
        let place = index.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        if let Some(leaf) = place.and_then(|place| leaves.get_mut(place)) {
            *leaf = Some(hash);
        }
    };
    for (index, hash) in of_nodes(db, log, first, end)? {
        put(index, hash);
    }
    for (run, hashes) in of_deleted(db, log, first, end)? {
        (index_of(run)..).zip(hashes.as_chunks::<32>().0).for_each(|(index, hash)| put(index, *hash));
    }
    let sql = format!("SELECT position, leaf FROM {} WHERE position >= ?1 AND position < ?2", log.table());
    let mut select = db.prepare_cached(&sql)?;
    let mut rows = select.query([position_of(first), position_of(end)])?;
    while let Some(row) = rows.next()? {
        if let Some(hash) = hash(&row, 1) {
            put(index_of(row.get(0)?), hash);
        }
    }
    Ok(leaves)
}

/// Returns the hash in a column; `None` if it is damaged.
fn hash(row: &Row<'_>, column: usize) -> Option<Hash> {
    row.get_ref(column).and_then(ValueRef::as_blob).ok()?.try_into().ok()
}

/// Returns the runs of deleted entries' leaves that may be in this range.
pub(super) fn of_deleted(db: &Db, log: Log, first: u64, end: u64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let mut select =
        db.prepare_cached("SELECT first, leaves FROM gone_leaves WHERE log = ?1 AND first >= ?2 AND first < ?3")?;
    let begin = first_of(segment_of(position_of(first)));
    let runs =
        select.query_map(params![log.as_str(), begin, position_of(end)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(runs.collect::<Result<_, _>>()?)
}

/// Returns the runs of deleted positions from `first` to before `end`, in ascending order, both ends included.
pub fn deleted_ranges(db: &Db, log: Log, first: i64, end: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT first, length(leaves) FROM gone_leaves WHERE log = ?1 AND first >= ?2 AND first < ?3 ORDER BY first",
    )?;
    // A run that contains `first` begins in its segment.
    let begin = first_of(segment_of(first));
    let runs = select.query_map(params![log.as_str(), begin, end], |row| {
        let (from, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok((from, from.saturating_add(bytes / 32).saturating_sub(1)))
    })?;
    let mut runs = runs.collect::<Result<Vec<_>, _>>()?;
    let mut select =
        db.prepare_cached("SELECT segment FROM gone_segments WHERE log = ?1 AND segment BETWEEN ?2 AND ?3")?;
    let last = segment_of(end.saturating_sub(1));
    let complete = select.query_map(params![log.as_str(), segment_of(first), last], |row| row.get::<_, i64>(0))?;
    for segment in complete {
        let from = first_of(segment?);
        runs.push((from, from.saturating_add(SEGMENT - 1)));
    }
    runs.retain(|(_, last)| *last >= first);
    runs.sort_unstable();
    Ok(runs)
}

/// Returns level and hash of the largest node below level 8 that is kept for lost leaves from this index on.
pub(super) fn node_at(db: &Db, log: Log, index: u64) -> Result<Option<(u8, Hash)>, StoreError> {
    let sql = "SELECT hash FROM tree_nodes WHERE log = ?1 AND level = ?2 AND node = ?3";
    for level in (0..8_u8).rev().filter(|level| index.trailing_zeros() >= u32::from(*level)) {
        let mut select = db.prepare_cached(sql)?;
        let mut rows = select.query(params![log.as_str(), level, stored(index >> level)])?;
        if let Some(hash) = rows.next()?.and_then(|row| hash(&row, 0)) {
            return Ok(Some((level, hash)));
        }
    }
    Ok(None)
}

fn of_nodes(db: &Db, log: Log, first: u64, end: u64) -> Result<Vec<(u64, Hash)>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT node, hash FROM tree_nodes WHERE log = ?1 AND level = 0 AND node >= ?2 AND node < ?3",
    )?;
    let nodes = select
        .query_map(params![log.as_str(), stored(first), stored(end)], |row| Ok((row.get::<_, u64>(0)?, row.get(1)?)))?;
    Ok(nodes.collect::<Result<_, _>>()?)
}

/// Returns the head of the tree over a segment whose leaves are gone.
pub(super) fn segment_head(db: &Db, log: Log, segment: u64) -> Result<Option<Hash>, StoreError> {
    let mut select = db.prepare_cached("SELECT head FROM gone_segments WHERE log = ?1 AND segment = ?2")?;
    let mut rows = select.query(params![log.as_str(), stored(segment)])?;
    Ok(rows.next()?.and_then(|row| hash(&row, 0)))
}
