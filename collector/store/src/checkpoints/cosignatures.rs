//! Cosignatures of witnesses, and the checkpoint that is shown to others: the newest one that witnesses have confirmed.

use super::{COLUMNS, Confirmation, SignedCheckpoint, newest_checkpoint, read};
use headgate_collector_db::{Db, StoreError, params};
use headgate_collector_tree::{Cosignature, WitnessKey};
use headgate_collector_types::Log;

/// The newest checkpoints among which the one with the most cosignatures is shown.
const LOOKED_AT: u32 = 32;
/// How much older than the newest one it may be, µs.
const MAX_AGE: i64 = 600_000_000;

/// Stores a cosignature of a checkpoint. Returns false if the checkpoint is not there.
///
/// # Errors
/// The store cannot be written.
pub fn put_cosignature(
    tx: &Db,
    log: Log,
    size: u64,
    witness: &WitnessKey,
    cosignature: &Cosignature,
) -> Result<bool, StoreError> {
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    let at = i64::try_from(cosignature.time).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    let stored = tx
        .prepare_cached(
            "INSERT INTO cosignatures (log, size, witness, cosigned_at, line)
             SELECT log, size, ?3, ?4, ?5 FROM checkpoints WHERE log = ?1 AND size = ?2
             ON CONFLICT (log, size, witness) DO UPDATE SET cosigned_at = excluded.cosigned_at, line = excluded.line",
        )?
        .execute(params![log.as_str(), size, witness.to_string(), at, cosignature.line.line()])?;
    Ok(stored > 0)
}

/// Returns the size of the newest checkpoint that a witness has confirmed; 0 if there is none.
///
/// # Errors
/// The store cannot be read.
pub fn confirmed_size(db: &Db, log: Log, witness: &WitnessKey) -> Result<u64, StoreError> {
    let mut select = db.prepare_cached("SELECT max(size) FROM cosignatures WHERE log = ?1 AND witness = ?2")?;
    let size: Option<u64> = select.query_row(params![log.as_str(), witness.to_string()], |row| row.get(0))?;
    Ok(size.unwrap_or(0))
}

/// Returns the checkpoint that is shown to others, with the lines of its cosignatures: of those of the last minutes, the one that
/// most witnesses have confirmed.
///
/// # Errors
/// The store cannot be read.
pub fn published_checkpoint(db: &Db, log: Log) -> Result<Option<SignedCheckpoint>, StoreError> {
    let Some(newest) = newest_checkpoint(db, log)? else { return Ok(None) };
    let sql = format!(
        "SELECT {COLUMNS} FROM
           (SELECT {COLUMNS}, (SELECT count(*) FROM cosignatures c WHERE c.log = ?1 AND c.size = p.size) AS confirmed
            FROM checkpoints p WHERE log = ?1 ORDER BY size DESC LIMIT ?2) AS latest
         WHERE signed_at >= ?3 ORDER BY confirmed DESC, size DESC LIMIT 1"
    );
    let since = newest.signed_at.saturating_sub(MAX_AGE);
    let found = db.prepare_cached(&sql)?.query_row(params![log.as_str(), LOOKED_AT, since], read)?;
    with_cosignatures(db, log, found).map(Some)
}

/// Returns the newest checkpoint after this size that a witness has confirmed, with its cosignatures.
///
/// # Errors
/// The store cannot be read.
pub(super) fn confirmed_checkpoint(db: &Db, log: Log, size: u64) -> Result<Option<SignedCheckpoint>, StoreError> {
    let mut select = db.prepare_cached("SELECT max(size) FROM cosignatures WHERE log = ?1 AND size > ?2")?;
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    let found: Option<i64> = select.query_row(params![log.as_str(), size], |row| row.get(0))?;
    let Some(size) = found else { return Ok(None) };
    let sql = format!("SELECT {COLUMNS} FROM checkpoints WHERE log = ?1 AND size = ?2");
    let found = db.prepare_cached(&sql)?.query_row(params![log.as_str(), size], read)?;
    with_cosignatures(db, log, found).map(Some)
}

/// Adds the cosignatures of a checkpoint to its note.
pub(super) fn with_cosignatures(
    db: &Db,
    log: Log,
    mut checkpoint: SignedCheckpoint,
) -> Result<SignedCheckpoint, StoreError> {
    let sql =
        "SELECT witness, cosigned_at, line FROM cosignatures WHERE log = ?1 AND size = ?2 ORDER BY witness LIMIT 64";
    let mut select = db.prepare_cached(sql)?;
    let size = i64::try_from(checkpoint.size).unwrap_or(i64::MAX);
    let rows = select.query_map(params![log.as_str(), size], |row| {
        Ok((Confirmation { witness: row.get(0)?, at: row.get(1)? }, row.get::<_, String>(2)?))
    })?;
    for row in rows {
        let (confirmation, line) = row?;
        checkpoint.note.push_str(&line);
        checkpoint.confirmations.push(confirmation);
    }
    Ok(checkpoint)
}
