//! Checkpoints that are kept outside: in a bucket with a lock, or stamped by an authority. And the health of that.

use super::SignedCheckpoint;
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_collector_types::Log;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};

/// The kind of an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnchorKind {
    /// A bucket in which nobody can change an object for a time.
    ObjectLock,
    /// A time-stamping authority (RFC 3161).
    Rfc3161,
}

/// A checkpoint that an anchor holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchored {
    /// The number of entries.
    pub size: u64,
    /// When, µs.
    pub at: i64,
    /// The checkpoint as it was handed over.
    pub note: String,
    /// The token of an authority, or empty.
    pub proof: Vec<u8>,
}

/// Stores that an anchor holds a checkpoint.
///
/// # Errors
/// The store cannot be written.
pub fn put_anchored(
    tx: &Db,
    log: Log,
    anchor: &str,
    checkpoint: &SignedCheckpoint,
    at: i64,
    proof: &[u8],
) -> Result<(), StoreError> {
    let size = i64::try_from(checkpoint.size).unwrap_or(i64::MAX);
    tx.prepare_cached(
        "INSERT INTO anchored (log, size, anchor, anchored_at, note, proof) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (log, size, anchor) DO UPDATE SET anchored_at = excluded.anchored_at, proof = excluded.proof",
    )?
    .execute(params![log.as_str(), size, anchor, at, checkpoint.note, proof])?;
    Ok(())
}

/// Returns the newest checkpoint that an anchor holds.
///
/// # Errors
/// The store cannot be read.
pub fn newest_anchored(db: &Db, log: Log, anchor: &str) -> Result<Option<Anchored>, StoreError> {
    let sql = "SELECT size, anchored_at, note, proof FROM anchored WHERE log = ?1 AND anchor = ?2
               ORDER BY size DESC LIMIT 1";
    let read = |row: &headgate_collector_db::Row<'_>| {
        Ok(Anchored { size: row.get(0)?, at: row.get(1)?, note: row.get(2)?, proof: row.get(3)? })
    };
    Ok(db.prepare_cached(sql)?.query_row(params![log.as_str(), anchor], read).optional()?)
}

/// The health of an anchor for one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorReport {
    /// The name in the settings.
    pub name: String,
    /// The kind.
    pub kind: AnchorKind,
    /// The log.
    pub log: Log,
    /// Since when it has failed, µs.
    pub failing_since: Option<i64>,
    /// Why it failed last.
    pub message: Option<String>,
}

/// The health of all anchors. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct AnchorHealth(Arc<Mutex<Vec<AnchorReport>>>);

impl AnchorHealth {
    /// Adds an anchor.
    pub fn add(&self, name: &str, kind: AnchorKind, log: Log) {
        self.lock().push(AnchorReport { name: name.to_owned(), kind, log, failing_since: None, message: None });
    }

    /// Returns all anchors, each with both logs.
    #[must_use]
    pub fn reports(&self) -> Vec<AnchorReport> {
        self.lock().clone()
    }

    /// Notes how a try ended: `None` if it succeeded. Returns whether that is new.
    pub fn note(&self, name: &str, log: Log, failure: Option<String>, now: i64) -> bool {
        let mut reports = self.lock();
        let Some(report) = reports.iter_mut().find(|report| report.name == name && report.log == log) else {
            return false;
        };
        let is_new = report.message != failure;
        report.failing_since = failure.as_ref().map(|_| report.failing_since.unwrap_or(now));
        report.message = failure;
        is_new
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<AnchorReport>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
