//! What is derived from a record: written when the record is stored, and again from its entry where it has to be built anew.

use super::columns;
use super::db::{Db, OptionalExtension, Result, params};
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

/// Writes what filters read.
pub(super) fn describe(db: &Db, names: &mut Names, position: i64, record: &RequestRecord) -> Result<()> {
    columns::insert_fresh(db, position, &columns::cells(db, names, record)?)
}

/// The number of a boot, and the records that its sender says it has dropped; none if it has sent nothing yet.
pub(super) fn known_boot(db: &Db, node: &str, boot_id: &str) -> Result<Option<(i64, i64)>> {
    db.prepare_cached("SELECT boot, dropped FROM boots WHERE node = ?1 AND boot_id = ?2")?
        .query_row([node, boot_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// As [`known_boot`], made if it is new.
pub(super) fn boot(db: &Db, node: &str, boot_id: &str) -> Result<(i64, i64)> {
    match known_boot(db, node, boot_id)? {
        Some(known) => Ok(known),
        None => db
            .prepare_cached("INSERT INTO boots (node, boot_id) VALUES (?1, ?2) RETURNING boot")?
            .query_row([node, boot_id], |row| Ok((row.get(0)?, 0))),
    }
}

/// Counts stored records of a boot.
pub(super) fn count(db: &Db, boot: i64, stored: i64, highest: i64) -> Result<()> {
    db.prepare_cached(
        "UPDATE boots SET stored = stored + ?2,
           highest_seq = CASE WHEN highest_seq < ?3 THEN ?3 ELSE highest_seq END WHERE boot = ?1",
    )?
    .execute([boot, stored, highest])?;
    Ok(())
}
