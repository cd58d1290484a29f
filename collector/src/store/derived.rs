//! What is derived from a record: written when the record is stored, and again from its entry where it has to be built anew.

use super::columns::{self, Cells};
use super::db::{Db, Result, params};
use super::names::Names;
use headgate_record::RequestRecord;

const INSERT: &str = "INSERT INTO requests (position, id, boot, seq, started_at) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO NOTHING";

/// What makes a delivery idempotent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    /// The UUID's 16 bytes.
    pub(super) id: [u8; 16],
    /// Number of the boot's row.
    pub(super) boot: i64,
    pub(super) seq: i64,
    /// µs.
    pub(super) started_at: i64,
}

/// Gives an identity its position; false if it is taken.
pub(super) fn identify(db: &Db, position: i64, identity: &Identity) -> Result<bool> {
    let Identity { id, boot, seq, started_at } = identity;
    let inserted = db.prepare_cached(INSERT)?.execute(params![position, *id, *boot, *seq, *started_at])?;
    Ok(inserted > 0)
}

/// Writes what filters read. `received_at` in µs.
pub(super) fn describe(
    db: &Db,
    names: &mut Names,
    position: i64,
    record: &RequestRecord,
    received_at: i64,
) -> Result<Cells> {
    let cells = columns::cells(db, names, record, received_at)?;
    columns::insert_fresh(db, position, &cells)?;
    Ok(cells)
}
