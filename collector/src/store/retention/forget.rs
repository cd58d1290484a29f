//! What outlives the records it tells of, and still must not grow for ever: gaps and boots.
//!
//! An auditor asks for gaps of months whose records are gone, so they are kept as long as the audit log. A closed gap goes
//! then. A boot goes, with what it still misses, when nothing of it was received for as long and no record of it is left. While
//! any hold stands, neither does.
//!
//! Names stay: their numbers are in the caches of every writer, and each is stored once however often it is used.

use super::super::StoreError;
use super::super::db::Db;
use super::holds::holds;
use super::settings::retention;
use crate::retention::cutoff;

/// Rows of one step.
const STEP: i64 = 500;

/// Gaps that were closed, and boots, that may be forgotten.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    gaps: Vec<i64>,
    boots: Vec<i64>,
}

/// Some of what may be forgotten; `None` if there is nothing more.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn forgotten(db: &Db, now: i64) -> Result<Option<Forgotten>, StoreError> {
    if !holds(db)?.is_empty() {
        return Ok(None);
    }
    let before = cutoff(retention(db)?.in_force(now).audit.days, now);
    let found = |sql: &str| -> Result<Vec<i64>, StoreError> {
        let mut select = db.prepare_cached(sql)?;
        Ok(select.query_map([before, STEP], |row| row.get(0))?.collect::<Result<_, _>>()?)
    };
    let gaps = found("SELECT gap FROM gaps WHERE noticed_at < ?1 AND closed_at < ?1 LIMIT ?2")?;
    let boots = found(
        "SELECT boot FROM boots b WHERE COALESCE(received_at, 0) < ?1
           AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.boot = b.boot)
           AND NOT EXISTS (SELECT 1 FROM heartbeats h WHERE h.node = b.node AND h.boot_id = b.boot_id) LIMIT ?2",
    )?;
    let nothing = gaps.is_empty() && boots.is_empty();
    Ok((!nothing).then_some(Forgotten { gaps, boots }))
}

/// Forgets it. A boot that has delivered again since stays.
///
/// # Errors
/// The store cannot be written.
pub fn forget(tx: &Db, forgotten: &Forgotten) -> Result<(), StoreError> {
    for gap in &forgotten.gaps {
        tx.prepare_cached("DELETE FROM gaps WHERE gap = ?1 AND closed_at IS NOT NULL")?.execute([gap])?;
    }
    for boot in &forgotten.boots {
        let left: i64 =
            tx.prepare_cached("SELECT count(*) FROM requests WHERE boot = ?1")?.query_row([boot], |row| row.get(0))?;
        if left == 0 {
            tx.prepare_cached("DELETE FROM gaps WHERE boot = ?1")?.execute([boot])?;
            tx.prepare_cached("DELETE FROM boots WHERE boot = ?1")?.execute([boot])?;
        }
    }
    Ok(())
}
