//! Entries of other systems, appended as one group.
//!
//! A delivery may be repeated, so each id is looked up first. All ids go into one statement, because a round trip to a
//! server costs more than the lookup.

use super::{Appended, PreparedEntry, append_all, find_audit, stored_leaf_hash};
use crate::conflicts::note_audit_ids;
use headgate_collector_db::{Db, Result, StoreError};
use headgate_collector_types::Sender;
use headgate_collector_types::audit::{Entry, canonical};
use std::collections::HashMap;

const LEAF_HASHES: &str = "SELECT a.id, e.leaf FROM (SELECT position, id FROM audit WHERE id = ANY (?3)) a
    JOIN audit_days d ON d.position = a.position
    LEFT JOIN LATERAL (
      SELECT leaf FROM audit_entries_by_day b WHERE b.position = a.position AND b.received_at = d.received_at OFFSET 0
    ) e ON true";

/// The hashes of entries by id; `None` if the entry has no hash.
type LeafHashes = HashMap<[u8; 16], Option<Vec<u8>>>;

/// Appends the entries of a delivery by another system, and notes those that another entry's id keeps out.
///
/// # Errors
/// The store cannot be written: the transaction must be given up.
pub fn append_from_sender(
    tx: &Db,
    sender: &Sender,
    entries: Vec<PreparedEntry>,
) -> std::result::Result<Vec<Appended>, StoreError> {
    let ids: Vec<String> = entries.iter().map(|prepared| prepared.entry.id.clone()).collect();
    let outcomes = append_delivered(tx, entries)?;
    let taken = ids.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Appended::IdTaken);
    note_audit_ids(tx, sender, &taken.map(|(id, _)| id.as_str()).collect::<Vec<_>>())?;
    Ok(outcomes)
}

/// Appends the entries of one delivery, except those with an id that is stored. Returns the outcome of each.
///
/// # Errors
/// The store cannot be written, and the transaction must be given up.
pub fn append_delivered(tx: &Db, entries: Vec<PreparedEntry>) -> std::result::Result<Vec<Appended>, StoreError> {
    let mut stored = stored_leaf_hashes(tx, &entries)?;
    let mut outcomes = Vec::with_capacity(entries.len());
    let mut new = Vec::with_capacity(entries.len());
    for prepared in entries {
        outcomes.push(match stored.get(&prepared.id) {
            None => {
                stored.insert(prepared.id, Some(prepared.leaf_hash.to_vec()));
                let id = prepared.entry.id.clone();
                new.push(prepared);
                Appended::New { position: 0, id }
            }
            Some(Some(leaf_hash)) if *leaf_hash == prepared.leaf_hash => Appended::Duplicate,
            Some(_) if is_delivered_again(tx, &prepared)? => Appended::Duplicate,
            Some(_) => Appended::IdTaken,
        });
    }
    let first = if new.is_empty() { 0 } else { append_all(tx, &new)? };
    let placed = outcomes.iter_mut().filter_map(|outcome| match outcome {
        Appended::New { position, .. } => Some(position),
        _ => None,
    });
    placed.zip(first..).for_each(|(position, place)| *position = place);
    Ok(outcomes)
}

fn stored_leaf_hashes(tx: &Db, entries: &[PreparedEntry]) -> Result<LeafHashes> {
    let mut found = LeafHashes::new();
    if let Some(bulk) = tx.bulk() {
        let ids: Vec<&[u8]> = entries.iter().map(|prepared| prepared.id.as_slice()).collect();
        found.extend(bulk.look_up(LEAF_HASHES, (0, &[], &ids), |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get(1)?)))?);
        return Ok(found);
    }
    for prepared in entries {
        if let Some(leaf_hash) = stored_leaf_hash(tx, &prepared.id)? {
            found.insert(prepared.id, Some(leaf_hash));
        }
    }
    Ok(found)
}

/// Returns whether the same entry is stored, with a difference in `delivered_by` at most.
fn is_delivered_again(tx: &Db, prepared: &PreparedEntry) -> std::result::Result<bool, StoreError> {
    let Some(stored) = find_audit(tx, &prepared.id)? else { return Ok(false) };
    let Some(bytes) = stored.bytes() else { return Ok(false) };
    let both =
        serde_json::from_slice::<Entry>(bytes).and_then(|first| Ok((first, serde_json::from_slice(&prepared.bytes)?)));
    let Ok((first, again)) = both else { return Ok(false) };
    let again = Entry { delivered_by: first.delivered_by, ..again };
    Ok(canonical(&again).is_ok_and(|again| again == bytes))
}
