//! The state of the store in a few numbers, for metrics.

use super::{PlaneState, data_planes};
use headgate_collector_db::{Db, OptionalExtension, StoreError};
use headgate_collector_types::Log;
use headgate_record::ProxyRefusal;
use std::collections::BTreeMap;

/// Sizes of the store, gaps and data planes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overview {
    /// The position of the last entry of the request log.
    pub requests_head: i64,
    /// The position of the last entry of the audit log.
    pub audit_head: i64,
    /// The size of the database in bytes, without data that waits to be written back.
    pub bytes: i64,
    /// The number of distinct names in the dictionary.
    pub names: i64,
    /// The number of open gaps.
    pub open_gaps: i64,
    /// The number of workers that fell silent without reporting their end.
    pub unknown_ends: i64,
    /// The number of missing records.
    pub missing_records: i64,
    /// The number of live data planes.
    pub live_data_planes: i64,
    /// The number of silent data planes.
    pub stale_data_planes: i64,
    /// The number of data planes that reported their end, or have been silent for so long that they count as ended.
    pub ended_data_planes: i64,
    /// The requests that proxies refused by themselves, by class, from the heartbeats of workers in the last 30 days.
    pub refused_by_proxy: BTreeMap<ProxyRefusal, u64>,
}

/// Returns the current state of the store.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn overview(db: &Db, now: i64) -> Result<Overview, StoreError> {
    let (open_gaps, unknown_ends, missing_records) = self::open_gaps(db)?;
    let planes = data_planes(db, now)?;
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let (mut live, mut stale, mut refused_by_proxy) = (0, 0, BTreeMap::new());
    for (class, count) in planes.iter().flat_map(|plane| &plane.workers).flat_map(|worker| &worker.refused_by_proxy) {
        let sum: &mut u64 = refused_by_proxy.entry(*class).or_default();
        *sum = sum.saturating_add(*count);
    }
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
        refused_by_proxy,
    })
}

/// Whether all records are there, and how fresh they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Completeness {
    /// The number of missing records.
    pub missing: i64,
    /// The time at which the newest record was received, µs; `None` if there is no record.
    pub newest_received_at: Option<i64>,
}

/// Returns whether the request log is complete.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn completeness(db: &Db) -> Result<Completeness, StoreError> {
    let newest = "SELECT received_at FROM request_entries WHERE position <= ?1 ORDER BY position DESC LIMIT 1";
    let newest_received_at =
        db.prepare_cached(newest)?.query_row([head(db, Log::Requests)?], |row| row.get(0)).optional()?;
    let (_, _, missing) = open_gaps(db)?;
    Ok(Completeness { missing, newest_received_at })
}

/// Returns when the oldest entry of the request log and of the audit log was received, µs.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn oldest_received(db: &Db) -> Result<[Option<i64>; 2], StoreError> {
    let oldest = |table: &str| -> Result<Option<i64>, StoreError> {
        let sql = format!("SELECT received_at FROM {table} ORDER BY position LIMIT 1");
        Ok(db.prepare_cached(&sql)?.query_row([], |row| row.get(0)).optional()?)
    };
    Ok([oldest("request_entries")?, oldest("audit_entries")?])
}

/// Returns the numbers of open gaps, of unknown ends, and of missing records.
fn open_gaps(db: &Db) -> Result<(i64, i64, i64), StoreError> {
    Ok(db.query_row(
        // A sender may invent numbers. A few huge gaps must not make the sum overflow and the query fail.
        "SELECT CAST(count(*) - coalesce(sum(end_unknown), 0) AS BIGINT), CAST(coalesce(sum(end_unknown), 0) AS BIGINT), CAST(coalesce(sum(
           CASE WHEN last_seq - first_seq < 1000000000000 THEN last_seq - first_seq + 1 ELSE 1000000000000 END), 0) AS BIGINT)
         FROM gaps WHERE closed_at IS NULL",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?)
}

fn head(db: &Db, log: Log) -> Result<i64, StoreError> {
    Ok(db.query_row("SELECT next_position - 1 FROM log_heads WHERE log = ?1", [log.as_str()], |row| row.get(0))?)
}
