//! Checkpoints: signed states of the logs' trees.
//!
//! A checkpoint commits the operator: no later tree may contradict it. So before a new one is signed, the root at the size of
//! the newest one is computed again from the stored nodes. If it differs, nothing is signed, the audit log says so, and records
//! are stored as before.

mod anchor_health;
mod anchors;
mod commitment;
mod cosignatures;
mod fork;
mod keys;
mod proofs;
mod rollback;
mod signing;
mod witness_health;

pub use anchor_health::{AnchorHealth, AnchorReport, ReadBack, ReadBackState};
pub use anchors::{
    AnchorFinding, AnchorKind, AnchorProof, Anchored, LockedObject, altered_objects, anchored_up_to, newest_anchored,
    note_read_back, objects_to_read, put_anchored,
};
pub use commitment::note_request_tree;
pub use cosignatures::{confirmed_size, published_checkpoint, put_cosignature};
pub use fork::note_fork;
pub use keys::{FormerKey, KeyRefusal, LogKeys, is_key_of_logs, log_keys, restart_logs, rotate_log_key};
pub use proofs::{EntryProof, GrowthProof, LogHead, ProofFault, origin, prove_entry, prove_growth};
pub use rollback::note_rollback;
pub use signing::{SigningState, SigningStop};
pub use witness_health::{WitnessHealth, WitnessReport, WitnessState};

use super::tree::{NodeFault, StoredTree};
use headgate_collector_db::{Db, OptionalExtension, Row, StoreError, params};
use headgate_collector_tree::{Checkpoint, Hash, VerifyingKey, range_hash};
use headgate_collector_types::Log;

/// A checkpoint that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// The number of entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
    /// When it was signed, in µs.
    pub signed_at: i64,
    /// The note, as it is published.
    pub note: String,
    /// The witnesses whose cosignatures are in the note.
    pub confirmations: Vec<Confirmation>,
}

/// A witness that has confirmed a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The public key of the witness.
    pub witness: String,
    /// When, as the witness states, µs.
    pub at: i64,
}

impl Confirmation {
    /// Returns the name of the witness.
    #[must_use]
    pub fn name(&self) -> &str {
        self.witness.split_once('+').map_or(&self.witness, |(name, _)| name)
    }
}

const COLUMNS: &str = "size, root, signed_at, note";

fn read(row: &Row<'_>) -> headgate_collector_db::Result<SignedCheckpoint> {
    Ok(SignedCheckpoint {
        size: row.get(0)?,
        root: row.get(1)?,
        signed_at: row.get(2)?,
        note: row.get(3)?,
        confirmations: Vec::new(),
    })
}

/// Returns the newest checkpoint of a log.
///
/// # Errors
/// The store cannot be read.
pub fn newest_checkpoint(db: &Db, log: Log) -> Result<Option<SignedCheckpoint>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM checkpoints WHERE log = ?1 ORDER BY size DESC LIMIT 1");
    Ok(db.prepare_cached(&sql)?.query_row([log.as_str()], read).optional()?)
}

/// Returns the checkpoints of a log after this size, the smallest first, `limit` at most.
///
/// # Errors
/// The store cannot be read.
pub fn checkpoints_after(db: &Db, log: Log, size: u64, limit: u32) -> Result<Vec<SignedCheckpoint>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM checkpoints WHERE log = ?1 AND size > ?2 ORDER BY size LIMIT ?3");
    let mut select = db.prepare_cached(&sql)?;
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    Ok(select.query_map(params![log.as_str(), size, limit], read)?.collect::<Result<_, _>>()?)
}

/// Returns the public key of the logs; `None` before the first checkpoint.
///
/// # Errors
/// The store cannot be read.
pub fn log_key(db: &Db) -> Result<Option<String>, StoreError> {
    Ok(db.prepare_cached("SELECT vkey FROM log_key WHERE id = 1")?.query_row([], |row| row.get(0)).optional()?)
}

/// Stores the public key of the logs if there is none, and returns the one that is stored.
///
/// # Errors
/// The store cannot be written.
pub fn claim_log_key(tx: &Db, key: &VerifyingKey) -> Result<String, StoreError> {
    let sql = "INSERT INTO log_key (id, vkey) VALUES (1, ?1) ON CONFLICT DO NOTHING";
    tx.prepare_cached(sql)?.execute([key.to_string()])?;
    Ok(log_key(tx)?.unwrap_or_default())
}

/// Returns the public key of one log: the logs' key under the name of this log.
#[must_use]
pub fn key_of(log: Log, key: &VerifyingKey) -> Option<VerifyingKey> {
    key.renamed(&format!("{}/{}", key.name(), log.as_str())).ok()
}

/// Returns whether a witness has seen more of a log than the database has.
///
/// # Errors
/// The store cannot be read.
fn is_rolled_back(db: &Db, log: Log) -> Result<bool, StoreError> {
    let mut select = db.prepare_cached("SELECT 1 FROM tree_rollbacks WHERE log = ?1")?;
    Ok(select.query_row([log.as_str()], |row| row.get::<_, i64>(0)).optional()?.is_some())
}

/// The result of a look at a log's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Draft {
    /// The newest checkpoint covers everything.
    Nothing,
    /// This state may be signed.
    Sign {
        /// The number of entries.
        size: u64,
        /// The root of the tree over them.
        root: Hash,
    },
    /// The tree contradicts the newest checkpoint.
    Forked {
        /// The checkpoint.
        signed: SignedCheckpoint,
        /// The root of the tree at its size; `None` if the tree is smaller.
        found: Option<Hash>,
    },
    /// A witness has seen more of the log than the database has.
    RolledBack,
    /// The tree is damaged, or hashes are missing that would show that it continues the newest checkpoint.
    Unprovable,
}

/// Returns the state of a log's tree that may be signed next.
///
/// # Errors
/// The store cannot be read.
pub fn draft(db: &Db, log: Log) -> Result<Draft, StoreError> {
    if is_rolled_back(db, log)? {
        return Ok(Draft::RolledBack);
    }
    let Some(mut tree) = StoredTree::open(db, log)? else { return Ok(Draft::Unprovable) };
    let signed = newest_checkpoint(db, log)?;
    let size = tree.size();
    if let Some(signed) = signed {
        if size < signed.size {
            return Ok(Draft::Forked { signed, found: None });
        }
        match range_hash(&mut tree, 0, signed.size) {
            Ok(root) if root != signed.root => return Ok(Draft::Forked { signed, found: Some(root) }),
            Ok(_) if size == signed.size => return Ok(Draft::Nothing),
            Ok(_) => {}
            Err(NodeFault::Missing { .. }) => return Ok(Draft::Unprovable),
            Err(NodeFault::Store(error)) => return Err(error),
        }
    } else if size == 0 {
        return Ok(Draft::Nothing);
    }
    Ok(Draft::Sign { size, root: tree.root() })
}

/// Stores a checkpoint, unless another collector has stored one of this size or a larger one, or has found that the database is an
/// older one. Returns whether it is stored.
///
/// # Errors
/// The store cannot be written.
pub fn put_checkpoint(tx: &Db, log: Log, checkpoint: &Checkpoint, note: &str, now: i64) -> Result<bool, StoreError> {
    let is_newest = newest_checkpoint(tx, log)?.is_none_or(|newest| newest.size < checkpoint.size);
    let key = log_key(tx)?.and_then(|text| key_of(log, &VerifyingKey::parse(&text).ok()?));
    let is_present_name = key.is_some_and(|key| key.name() == checkpoint.origin);
    if !is_newest || !is_present_name || is_rolled_back(tx, log)? {
        return Ok(false);
    }
    let size = i64::try_from(checkpoint.size).unwrap_or(i64::MAX);
    tx.prepare_cached("INSERT INTO checkpoints (log, size, root, signed_at, note) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![log.as_str(), size, checkpoint.root, now, note])?;
    Ok(true)
}
