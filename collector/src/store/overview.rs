//! The store in a few numbers, for metrics.

use super::db::Db;
use super::{Log, PlaneState, StoreError, data_planes};

/// What there is, and what is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overview {
    /// Place of the last entry of the request log.
    pub requests_head: i64,
    /// Place of the last entry of the audit log.
    pub audit_head: i64,
    /// Size of the database, bytes, without what waits to be written back.
    pub bytes: i64,
    /// Distinct names that were ever given a number.
    pub names: i64,
    /// Runs of numbers that are missing.
    pub open_gaps: i64,
    /// Workers that fell silent without saying that they end.
    pub unknown_ends: i64,
    /// Records that are missing.
    pub missing_records: i64,
    /// Data planes that were heard of lately.
    pub live_data_planes: i64,
    /// Data planes that are silent.
    pub stale_data_planes: i64,
    /// Data planes that said goodbye, or have been silent for so long that they are gone.
    pub ended_data_planes: i64,
}

/// Looks at the store as it is now.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn overview(db: &Db, now: i64) -> Result<Overview, StoreError> {
    let (open_gaps, unknown_ends, missing_records) = db.query_row(
        // A sender may invent numbers; a few gaps of all there are must not make the sum overflow and fail.
        "SELECT CAST(count(*) - coalesce(sum(end_unknown), 0) AS BIGINT), CAST(coalesce(sum(end_unknown), 0) AS BIGINT), CAST(coalesce(sum(
           CASE WHEN last_seq - first_seq < 1000000000000 THEN last_seq - first_seq + 1 ELSE 1000000000000 END), 0) AS BIGINT)
         FROM gaps WHERE closed_at IS NULL",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let planes = data_planes(db, now)?;
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let (mut live, mut stale) = (0, 0);
    for plane in &planes {
        live += usize::from(plane.state == PlaneState::Live);
        stale += usize::from(plane.stale);
    }
    Ok(Overview {
        requests_head: head(db, Log::Requests)?,
        audit_head: head(db, Log::Audit)?,
        bytes: db.bytes()?,
        names: db.query_row("SELECT coalesce(max(name), 0) FROM names", [], |row| row.get(0))?,
        open_gaps,
        unknown_ends,
        missing_records,
        live_data_planes: number(live),
        stale_data_planes: number(stale),
        ended_data_planes: number(planes.len().saturating_sub(live).saturating_sub(stale)),
    })
}

fn head(db: &Db, log: Log) -> Result<i64, StoreError> {
    Ok(db.query_row("SELECT next_position - 1 FROM log_heads WHERE log = ?1", [log.as_str()], |row| row.get(0))?)
}
