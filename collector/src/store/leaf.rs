//! The hash each entry is kept with, so that a byte that has changed on disk is never served as if it were true.
//!
//! SQLite checks its own structure, not what it was given to keep: a flipped bit inside a record goes unnoticed. The hash is
//! the one that a hash tree over the log has at its leaves (RFC 6962, 2.1): SHA-256 of a zero byte and the entry's bytes.

use super::Log;
use super::db::{self, Db, Row, ValueRef, params};
use sha2::{Digest, Sha256};

/// SHA-256(0x00 ‖ bytes).
pub type Leaf = [u8; 32];

/// Rows of one step of [`fill`].
const STEP: i64 = 1_000;

/// The hash of an entry.
#[must_use]
pub fn leaf(bytes: &[u8]) -> Leaf {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

/// An entry as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// The bytes that were stored.
    Sound(Vec<u8>),
    /// Something else stands at this position.
    Damaged(i64),
}

impl Kept {
    /// Bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Sound(bytes) => bytes.len(),
            Self::Damaged(_) => 0,
        }
    }

    /// The bytes, unless they are damaged.
    #[must_use]
    pub fn sound(&self) -> Option<&[u8]> {
        match self {
            Self::Sound(bytes) => Some(bytes),
            Self::Damaged(_) => None,
        }
    }

    /// Where it is damaged.
    #[must_use]
    pub const fn damaged(&self) -> Option<i64> {
        match self {
            Self::Sound(_) => None,
            Self::Damaged(position) => Some(*position),
        }
    }

    /// Judges what stands in a row: its bytes and their hash. What is of another type is damaged too.
    pub(super) fn judge(position: i64, row: &Row<'_>, bytes: usize, hash: usize) -> db::Result<Self> {
        let blob = |column| row.get_ref(column).and_then(ValueRef::as_blob);
        Ok(match (blob(bytes), blob(hash)) {
            (Ok(stored), Ok(hash)) if leaf(stored) == hash => Self::Sound(stored.to_owned()),
            _ => Self::Damaged(position),
        })
    }
}

/// Gives every entry of a log its hash.
pub(super) fn fill(db: &Db, log: Log) -> db::Result<()> {
    let table = log.table();
    let select = format!("SELECT position, bytes FROM {table} WHERE position > ?1 ORDER BY position LIMIT ?2");
    let mut update = db.prepare_cached(&format!("UPDATE {table} SET leaf = ?2 WHERE position = ?1"))?;
    let mut last = 0_i64;
    loop {
        let mut select = db.prepare_cached(&select)?;
        let rows = select.query_map([last, STEP], |row| Ok((row.get(0)?, leaf(row.get_ref(1)?.as_blob()?))))?;
        let rows = rows.collect::<db::Result<Vec<(i64, Leaf)>>>()?;
        let Some((newest, _)) = rows.last() else {
            return Ok(());
        };
        last = *newest;
        for (position, leaf) in rows {
            update.execute(params![position, leaf])?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::leaf;

    #[test]
    fn the_hash_is_the_one_of_a_leaf_in_rfc_6962() {
        let hex = |bytes: &[u8]| leaf(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        // The first two leaves of the test vectors of certificate transparency.
        assert_eq!(hex(b""), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        assert_eq!(hex(b"\0"), "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
    }
}
