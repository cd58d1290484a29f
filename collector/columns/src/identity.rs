//! The identity of a record in the index, by which deliveries are idempotent.
//!
//! It is written when the record is stored, and again when the index is rebuilt from the entries.

use headgate_collector_db::{Db, OptionalExtension, Result, params};
use sha2::{Digest, Sha256};

/// The most records, of different senders, that may have the same id.
const MAX_SHARERS: usize = 8;

const INSERT: &str = "INSERT INTO requests (position, id, boot, seq, started_at) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO NOTHING";

/// The identity of a record, which makes deliveries idempotent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The UUID's 16 bytes.
    pub id: [u8; 16],
    /// Number of the boot's row.
    pub boot: i64,
    /// Number of the record within the boot.
    pub seq: i64,
    /// `started_at`, µs.
    pub started_at: i64,
}

/// Returns the keys under which records with this id are stored: the id itself, then the keys for records of other senders.
///
/// A sender may learn an id from another sender's answers, and must not be able to block the record of that sender. The further
/// keys are UUIDs of version 8, which are not valid as the id of a record.
pub fn index_keys(id: &[u8; 16]) -> [[u8; 16]; MAX_SHARERS] {
    std::array::from_fn(|place| if place == 0 { *id } else { shared_key(id, place) })
}

fn shared_key(id: &[u8; 16], place: usize) -> [u8; 16] {
    let digest = Sha256::digest([b"headgate shared id", id.as_slice(), &place.to_be_bytes()].concat());
    let mut key = [0; 16];
    key.iter_mut().zip(digest).for_each(|(byte, digit)| *byte = digit);
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut key;
    *version = (*version & 0x0f) | 0x80;
    *variant = (*variant & 0x3f) | 0x80;
    key
}

/// Returns the keys of an id that are taken, each with the boot of its record.
///
/// # Errors
/// The store cannot be read.
pub fn taken_keys(db: &Db, id: &[u8; 16]) -> Result<Vec<([u8; 16], i64)>> {
    let mut select = db.prepare_cached("SELECT boot FROM requests WHERE id = ?1")?;
    let mut taken = Vec::new();
    for key in index_keys(id) {
        if let Some(boot) = select.query_row([key], |row| row.get(0)).optional()? {
            taken.push((key, boot));
        }
    }
    Ok(taken)
}

/// Returns the first key of an id that is not taken.
pub fn free_key(id: &[u8; 16], taken: &[([u8; 16], i64)]) -> Option<[u8; 16]> {
    index_keys(id).into_iter().find(|key| taken.iter().all(|(other, _)| other != key))
}

/// Inserts an identity that was stored before, under any free key of its id. Returns false if its (boot, seq) is taken.
///
/// # Errors
/// The store cannot be written.
pub fn reinsert(db: &Db, position: i64, identity: &Identity) -> Result<bool> {
    if insert(db, position, identity)? {
        return Ok(true);
    }
    match free_key(&identity.id, &taken_keys(db, &identity.id)?) {
        Some(id) => insert(db, position, &Identity { id, ..*identity }),
        None => Ok(false),
    }
}

/// Inserts an identity with its position. Returns false if its key or its (boot, seq) is taken.
///
/// # Errors
/// The store cannot be written.
pub fn insert(db: &Db, position: i64, identity: &Identity) -> Result<bool> {
    let Identity { id, boot, seq, started_at } = identity;
    let inserted = db.prepare_cached(INSERT)?.execute(params![position, *id, *boot, *seq, *started_at])?;
    Ok(inserted > 0)
}
