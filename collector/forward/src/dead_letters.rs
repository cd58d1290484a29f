//! Entries that a receiver refuses: their places, with the reason. The entries themselves stay in their log.

use crate::verdict::Fault;
use headgate_collector_db::{Db, StoreError, params};
use headgate_collector_types::Log;
use schemars::JsonSchema;
use serde::Serialize;

/// The most dead letters of a forwarder. With more, it waits for an operator.
pub const MOST: i64 = 10_000;

/// An entry that a receiver refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeadLetter {
    /// The log.
    pub log: Log,
    /// The position in the log.
    pub position: i64,
    /// The status of the answer; 0 without one.
    pub status: i64,
    /// The reason, in words of the collector.
    pub reason: String,
    /// When it was refused, µs since the Unix epoch.
    pub refused_at: i64,
}

/// Stores a dead letter.
///
/// # Errors
/// The store cannot be written.
pub(crate) fn put(tx: &Db, id: &str, log: Log, position: i64, fault: Fault) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO dead_letters (id, log, position, status, reason, refused_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id, log, position) DO UPDATE SET status = excluded.status, reason = excluded.reason,
           refused_at = excluded.refused_at",
    )?
    .execute(params![id, log.as_str(), position, i64::from(fault.status()), fault.to_string(), tx.now_us()?])?;
    Ok(())
}

/// Returns the number of dead letters of a forwarder.
///
/// # Errors
/// The store cannot be read.
pub fn count(db: &Db, id: &str) -> Result<i64, StoreError> {
    Ok(db.prepare_cached("SELECT count(*) FROM dead_letters WHERE id = ?1")?.query_row([id], |row| row.get(0))?)
}

/// Returns the oldest dead letters of a forwarder, at most `limit`.
///
/// # Errors
/// The store cannot be read.
pub fn list(db: &Db, id: &str, limit: i64) -> Result<Vec<DeadLetter>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT log, position, status, reason, refused_at FROM dead_letters WHERE id = ?1 ORDER BY log, position LIMIT ?2",
    )?;
    let rows = select.query_map(params![id, limit], |row| {
        let log: String = row.get(0)?;
        let log = if log == Log::Audit.as_str() { Log::Audit } else { Log::Requests };
        let (reason, refused_at) = (row.get(3)?, row.get(4)?);
        Ok(DeadLetter { log, position: row.get(1)?, status: row.get(2)?, reason, refused_at })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removes the dead letters of a forwarder and returns how many there were.
///
/// # Errors
/// The store cannot be written.
pub fn drop_all(tx: &Db, id: &str) -> Result<usize, StoreError> {
    Ok(tx.prepare_cached("DELETE FROM dead_letters WHERE id = ?1")?.execute([id])?)
}

/// Removes those that were delivered now: these positions, ascending.
pub(crate) fn remove(tx: &Db, id: &str, log: Log, positions: &[i64]) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (positions.first(), positions.last()) else { return Ok(()) };
    // There are few or none, and a batch may have thousands of positions.
    let dead: Vec<i64> = tx
        .prepare_cached("SELECT position FROM dead_letters WHERE id = ?1 AND log = ?2 AND position BETWEEN ?3 AND ?4")?
        .query_map(params![id, log.as_str(), first, last], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut delete = tx.prepare_cached("DELETE FROM dead_letters WHERE id = ?1 AND log = ?2 AND position = ?3")?;
    for position in dead.iter().filter(|position| positions.binary_search(position).is_ok()) {
        delete.execute(params![id, log.as_str(), position])?;
    }
    Ok(())
}
