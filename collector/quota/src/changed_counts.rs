//! The part of an answer beyond its report: counts that other proxies have changed.
//!
//! A proxy that has not touched a budget for an hour would admit requests by an hour-old total. So an answer also brings
//! the counts that changed since the last one, if they are full enough to matter.

use super::counts::Counts;
use super::rules::Revision;
use super::units::{amount, split_subject};
use headgate_collector_db::{self as db, Row, StoreError, params};
use headgate_limits::{Fleet, ReplyRow, Report};
use std::collections::HashSet;

/// The most rows beyond the report's own.
const MAX_ROWS: usize = 5_000;

const CHANGED: &str = "SELECT rule, meter, subject, window_start, used, told, version FROM limit_counts
    WHERE current = 1 AND fill >= 5000 AND version > ?1 AND used > 0 AND window_end > ?2
    ORDER BY version LIMIT ?3";
/// Counts that an owner has corrected. They must reach the proxies even if they are now far below their maximum.
const CORRECTED: &str =
    "SELECT c.rule, c.meter, c.subject, c.window_start, c.used, c.told, c.version FROM limit_counts c
    JOIN (SELECT DISTINCT count FROM corrections WHERE count IS NOT NULL AND version > ?1) k ON k.count = c.count
    WHERE c.current = 1 AND c.fill < 5000 AND c.window_end > ?2 LIMIT ?3";
/// The fullest counts. Budgets and limits are each read from their index, in order.
const FULLEST: &str = "SELECT * FROM (
      SELECT rule, meter, subject, window_start, used, told, version, fill FROM limit_counts
      WHERE current = 1 AND budget = 1 AND used > 0 AND window_end > ?2 AND version > ?1 ORDER BY fill DESC LIMIT ?3) AS budgets
    UNION ALL SELECT * FROM (
      SELECT rule, meter, subject, window_start, used, told, version, fill FROM limit_counts
      WHERE current = 1 AND budget = 0 AND used > 0 AND window_end > ?2 AND version > ?1 ORDER BY fill DESC LIMIT ?3) AS limits
    ORDER BY fill DESC LIMIT ?3";

/// Returns the rows to add to the answer, and the cursor for the next one.
pub(super) fn changed_rows(
    counts: &Counts<'_>,
    fleet: &mut Fleet,
    report: &Report,
    now_ms: u64,
) -> Result<(Vec<ReplyRow>, u64), StoreError> {
    let latest = amount(counts.version);
    // A cursor above the latest version is from another store, and its meaning is not known here.
    let since = if report.cursor > latest { 0 } else { report.cursor };
    let own: HashSet<_> = report.rows.iter().map(|row| (&row.rule, &row.meter, &row.subject, row.start)).collect();
    let mut select = counts.tx.prepare_cached(if since == 0 { FULLEST } else { CHANGED })?;
    let most = i64::try_from(MAX_ROWS).unwrap_or(i64::MAX);
    let since_version = i64::try_from(since).unwrap_or(i64::MAX);
    let found = select
        .query_map(params![since_version, counts.now_us / 1_000_000, most], read)?
        .collect::<Result<Vec<_>, _>>()?;
    // If not all changes fit, the next answer carries the rest.
    let last = found.last().map_or(latest, |(_, version)| *version);
    let cursor = if since > 0 && found.len() >= MAX_ROWS { last } else { latest };
    let mut corrected = Vec::new();
    if since > 0 {
        let mut select = counts.tx.prepare_cached(CORRECTED)?;
        let values = params![since_version, counts.now_us / 1_000_000, most];
        corrected = select.query_map(values, read)?.collect::<Result<Vec<_>, _>>()?;
    }
    let mut rows: Vec<ReplyRow> = Vec::new();
    for (mut row, reported) in found.into_iter().chain(corrected).map(|((row, reported), _)| (row, reported)) {
        if own.contains(&(&row.rule, &row.meter, &row.subject, row.start)) {
            continue;
        }
        row.told = reported_bits(counts.revision.as_deref(), &row.rule, &reported);
        if let Some(windows) = counts.stored_windows(&row.rule, &row.meter, &row.subject)? {
            fleet.know(&row.rule, &row.meter, &row.subject, windows);
        }
        row.others_open = fleet.others_open(report.proxy(), &row.rule, &row.meter, &row.subject, row.start, now_ms);
        rows.push(row);
    }
    Ok((rows, cursor))
}

fn reported_bits(revision: Option<&Revision>, rule: &str, reported: &[u8]) -> u64 {
    super::counts::bits(revision.and_then(|revision| revision.rule(rule)), reported)
}

fn read(row: &Row<'_>) -> db::Result<((ReplyRow, Vec<u8>), u64)> {
    let answer = ReplyRow {
        rule: row.get(0)?,
        meter: row.get(1)?,
        subject: split_subject(&row.get::<_, String>(2)?),
        start: amount(row.get(3)?),
        total: amount(row.get(4)?),
        ..ReplyRow::default()
    };
    Ok(((answer, row.get(5)?), amount(row.get(6)?)))
}
