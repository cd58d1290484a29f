//! The records that are stored already, by number and by id.

use headgate_collector_columns::identity::index_keys;
use headgate_collector_db::{Bulk, Db, OptionalExtension, Result, Row};
use headgate_collector_types::validate::{CheckedBatch, CheckedRecord};
use std::collections::HashMap;

/// Returns the records with these numbers of a boot, or with these ids. Numbers and entries are looked up one by one.
/// `OFFSET 0` keeps the planner from reversing that: for `seq = ANY` of a list, it may read the whole boot, which takes
/// longer as the log grows.
const KNOWN: &str = "SELECT r.boot, r.seq, r.id, e.leaf FROM (
      SELECT n.* FROM unnest(?2) asked (seq) CROSS JOIN LATERAL (
        SELECT position, received_at, boot, seq, id FROM requests q WHERE q.boot = ?1 AND q.seq = asked.seq OFFSET 0
      ) n
      UNION SELECT position, received_at, boot, seq, id FROM requests WHERE id = ANY (?3)
    ) r LEFT JOIN LATERAL (
      SELECT leaf FROM request_entries_by_day d
      WHERE d.position = r.position AND d.received_at = r.received_at OFFSET 0
    ) e ON true";

const BY_NUMBER: &str =
    "SELECT r.boot, r.seq, r.id, e.leaf FROM requests r LEFT JOIN request_entries e USING (position)
    WHERE r.boot = ?1 AND r.seq = ?2";
const BY_ID: &str = "SELECT r.boot, r.seq, r.id, e.leaf FROM requests r LEFT JOIN request_entries e USING (position)
    WHERE r.id = ?1";

/// The stored records that a write batch needs, from before it and from itself.
#[derive(Default)]
pub(super) struct KnownRecords {
    /// Hashes by (boot, seq); `None` if the entry is lost.
    hashes: HashMap<(i64, i64), Option<Vec<u8>>>,
    /// The boots of records by the key of their id.
    boots: HashMap<[u8; 16], i64>,
}

impl KnownRecords {
    /// Reads the stored records that are needed to store a batch.
    pub(super) fn look_up(&mut self, db: &Db, boot: i64, batch: &CheckedBatch) -> Result<()> {
        let seqs: Vec<i64> = batch.records.iter().map(|record| record.seq).collect();
        let ids: Vec<[u8; 16]> = batch.records.iter().map(|record| record.id).collect();
        self.read(db, boot, &seqs, &ids)?;
        // If another boot's record has an id, the id may also be stored under its further keys.
        let shared = ids.iter().filter(|id| self.boots.get(*id).is_some_and(|holder| *holder != boot));
        let keys: Vec<[u8; 16]> = shared.flat_map(|id| index_keys(id).into_iter().skip(1)).collect();
        self.read(db, boot, &[], &keys)
    }

    fn read(&mut self, db: &Db, boot: i64, seqs: &[i64], ids: &[[u8; 16]]) -> Result<()> {
        if seqs.is_empty() && ids.is_empty() {
            return Ok(());
        }
        let found = match db.bulk() {
            Some(bulk) => at_once(bulk, boot, seqs, ids)?,
            None => one_by_one(db, boot, seqs, ids)?,
        };
        for KnownRecord { boot, seq, id, hash } in found {
            self.hashes.insert((boot, seq), hash);
            self.boots.insert(id, boot);
        }
        Ok(())
    }

    /// Returns whether a record with this number is stored.
    pub(super) fn has_number(&self, boot: i64, seq: i64) -> bool {
        self.hashes.contains_key(&(boot, seq))
    }

    /// Returns whether a record is stored under this key of an id.
    pub(super) fn has_key(&self, key: &[u8; 16]) -> bool {
        self.boots.contains_key(key)
    }

    /// Returns whether the record with this number is the same one; `None` if there is none or its entry is lost. The
    /// hash answers this even if the entry's bytes are damaged.
    pub(super) fn is_same(&self, boot: i64, record: &CheckedRecord) -> Option<bool> {
        self.hashes.get(&(boot, record.seq))?.as_ref().map(|hash| *hash == record.leaf_hash)
    }

    /// Returns the keys of a record's id that are taken, each with the boot of its record.
    pub(super) fn taken_keys(&self, record: &CheckedRecord) -> Vec<([u8; 16], i64)> {
        let taken = |key: [u8; 16]| self.boots.get(&key).map(|boot| (key, *boot));
        index_keys(&record.id).into_iter().filter_map(taken).collect()
    }

    /// Adds a record that this write batch stores.
    pub(super) fn add(&mut self, boot: i64, key: [u8; 16], record: &CheckedRecord) {
        self.boots.insert(key, boot);
        self.hashes.insert((boot, record.seq), Some(record.leaf_hash.to_vec()));
    }
}

struct KnownRecord {
    boot: i64,
    seq: i64,
    id: [u8; 16],
    hash: Option<Vec<u8>>,
}

fn found(row: &Row<'_>) -> Result<KnownRecord> {
    Ok(KnownRecord { boot: row.get(0)?, seq: row.get(1)?, id: row.get(2)?, hash: row.get(3)? })
}

/// Looks up all numbers and ids in one round trip to a server.
fn at_once(bulk: Bulk<'_>, boot: i64, seqs: &[i64], ids: &[[u8; 16]]) -> Result<Vec<KnownRecord>> {
    let ids: Vec<&[u8]> = ids.iter().map(<[u8; 16]>::as_slice).collect();
    bulk.look_up(KNOWN, (boot, seqs, &ids), found)
}

fn one_by_one(db: &Db, boot: i64, seqs: &[i64], ids: &[[u8; 16]]) -> Result<Vec<KnownRecord>> {
    let (mut by_number, mut by_id) = (db.prepare_cached(BY_NUMBER)?, db.prepare_cached(BY_ID)?);
    let numbered =
        seqs.iter().map(|seq| by_number.query_row([boot, *seq], found).optional()).collect::<Result<Vec<_>>>()?;
    let named = ids.iter().map(|id| by_id.query_row([*id], found).optional()).collect::<Result<Vec<_>>>()?;
    Ok(numbered.into_iter().chain(named).flatten().collect())
}
