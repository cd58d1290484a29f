//! Gaps at the end of a boot, which no later record shows.
//!
//! A worker's heartbeat reports the last number it has given and how many records wait. If none wait, every number is
//! acknowledged or lost. If some wait, they may still come, unless the worker falls silent. Records that come later close
//! the gap like any other.

use super::boot::{Boot, NewGap};
use super::gap_audit::{GapCounts, add_gap_counts};
use super::records;
use headgate_collector_db::{self as db, Db, StoreError, params};
use headgate_record::Heartbeat;

/// The silence after which a worker's outstanding records count as missing until they come, in µs: four times a proxy's
/// longest pause between two deliveries.
const SILENT_US: i64 = 120_000_000;
/// The silent workers of one step.
const BATCH: i64 = 500;

/// Notes the losses that a heartbeat shows.
pub(crate) fn note_trailing(tx: &Db, beat: &Heartbeat, now: i64) -> Result<(), StoreError> {
    let last_seq = i64::try_from(beat.last_seq).unwrap_or(i64::MAX);
    if beat.queued > 0 || last_seq == 0 {
        return Ok(());
    }
    let end = SilentWorker { node: beat.node.clone(), boot_id: beat.boot.clone(), last_seq, heard_at: now };
    insert_gap(tx, &end, now)
}

/// A worker that fell silent with records outstanding.
#[derive(Debug, PartialEq, Eq)]
pub struct SilentWorker {
    node: String,
    boot_id: String,
    last_seq: i64,
    heard_at: i64,
}

/// Returns some of the workers that fell silent with records outstanding. This reads apart from writing, because it walks
/// over all silent workers.
///
/// # Errors
/// The store cannot be read.
pub fn silent_workers(db: &Db, now: i64) -> Result<Vec<SilentWorker>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT h.node, h.boot_id, h.last_seq, h.received_at FROM heartbeats h
         LEFT JOIN boots b ON b.node = h.node AND b.boot_id = h.boot_id
         WHERE h.received_at < ?1 AND h.last_seq > COALESCE(b.highest_seq, 0) LIMIT ?2",
    )?;
    let found = select.query_map([now.saturating_sub(SILENT_US), BATCH], |row| {
        Ok(SilentWorker { node: row.get(0)?, boot_id: row.get(1)?, last_seq: row.get(2)?, heard_at: row.get(3)? })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Notes the undelivered records of silent workers as missing, unless the workers were heard since.
///
/// # Errors
/// The store cannot be written.
pub fn note_silent_workers(tx: &Db, silent: &[SilentWorker], now: i64) -> Result<(), StoreError> {
    for worker in silent {
        let heard = "SELECT count(*) FROM heartbeats WHERE node = ?1 AND boot_id = ?2 AND received_at > ?3";
        let heard: i64 = tx
            .prepare_cached(heard)?
            .query_row(params![worker.node, worker.boot_id, worker.heard_at], |row| row.get(0))?;
        if heard == 0 {
            insert_gap(tx, worker, now)?;
        }
    }
    Ok(())
}

fn insert_gap(tx: &Db, end: &SilentWorker, now: i64) -> Result<(), StoreError> {
    let mut boot = Boot::find_or_insert(tx, &end.node, &end.boot_id, now)?;
    if end.last_seq <= boot.highest_seq {
        return Ok(());
    }
    let gap = boot.gap_until(end.last_seq, end.heard_at, now);
    if !extend_trailing(tx, &boot, &gap, end.heard_at)? {
        gap.insert(tx, boot.boot, true)?;
    }
    let mut counts = GapCounts::default();
    counts.opened(records(gap.first_seq, gap.last_seq));
    boot.advance(end.last_seq, end.heard_at, now);
    boot.save(tx, 0)?;
    add_gap_counts(tx, &counts)
}

/// Extends the gap at the boot's end if there is one, so that a worker that loses all its records has one gap and not one
/// per heartbeat.
fn extend_trailing(tx: &Db, boot: &Boot, gap: &NewGap, heard_at: i64) -> db::Result<bool> {
    let changed = tx
        .prepare_cached(
            "UPDATE gaps SET last_seq = ?3, before_at = ?4
             WHERE boot = ?1 AND closed_at IS NULL AND last_seq = ?2 AND at_end = 1
               AND end_unknown = 0",
        )?
        .execute([boot.boot, boot.highest_seq, gap.last_seq, heard_at])?;
    Ok(changed > 0)
}

#[cfg(test)]
mod tests {
    use super::{SILENT_US, note_silent_workers, silent_workers};
    use crate::dataplanes::write_heartbeat;
    use crate::gaps::{GapQuery, audit_gaps, gaps};
    use crate::{change, open_writer};
    use headgate_record::Heartbeat;

    fn beat(boot: &str, queued: u64, last_seq: u64) -> Heartbeat {
        Heartbeat {
            node: "edge".to_owned(),
            boot: boot.to_owned(),
            version: "0.1.0".to_owned(),
            config_revision: "rev-1".to_owned(),
            uptime_s: 7,
            queued,
            dropped: 0,
            last_seq,
            ..Heartbeat::default()
        }
    }

    #[test]
    fn outstanding_records_of_silent_are_missing() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        for (boot, queued, last_seq, at) in [("dead", 3, 9, 1), ("idle", 0, 0, 1), ("alive", 3, 9, SILENT_US)] {
            change(&mut db, |tx| write_heartbeat(tx, &beat(boot, queued, last_seq), at)).unwrap();
        }
        assert_eq!(silent_workers(&db, SILENT_US + 1).unwrap(), [], "not yet");
        let found = silent_workers(&db, SILENT_US + 2).unwrap();
        assert_eq!(found.len(), 1);
        change(&mut db, |tx| note_silent_workers(tx, &found, SILENT_US + 2)).unwrap();
        let page = gaps(&db, &GapQuery { limit: 9, ..GapQuery::default() }).unwrap();
        let gap = &page.gaps[0];
        assert_eq!((page.gaps.len(), gap.boot.as_str(), gap.first_seq, gap.last_seq), (1, "dead", 1, 9));
        assert_eq!((gap.after, gap.before, gap.noticed_at), (None, 1, SILENT_US + 2));
        assert_eq!(silent_workers(&db, SILENT_US + 2).unwrap(), [], "noted once");
    }

    #[test]
    fn a_worker_heard_again_keeps_its_records() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        change(&mut db, |tx| write_heartbeat(tx, &beat("a", 3, 9), 1)).unwrap();
        let found = silent_workers(&db, SILENT_US + 2).unwrap();
        change(&mut db, |tx| write_heartbeat(tx, &beat("a", 3, 9), SILENT_US + 2)).unwrap();
        change(&mut db, |tx| note_silent_workers(tx, &found, SILENT_US + 3)).unwrap();
        assert_eq!(gaps(&db, &GapQuery { limit: 9, ..GapQuery::default() }).unwrap().gaps, []);
    }

    #[test]
    fn a_worker_that_loses_all_is_one_gap() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        for last_seq in 1..=50 {
            change(&mut db, |tx| write_heartbeat(tx, &beat("a", 0, last_seq), 10 + i64::try_from(last_seq).unwrap()))
                .unwrap();
        }
        let page = gaps(&db, &GapQuery { limit: 9, ..GapQuery::default() }).unwrap();
        assert_eq!((page.gaps.len(), page.gaps[0].first_seq, page.gaps[0].last_seq), (1, 1, 50));
        assert!(change(&mut db, |tx| audit_gaps(tx, 1_000_000_000)).unwrap());
        assert!(!change(&mut db, |tx| audit_gaps(tx, 2_000_000_000)).unwrap());
        let entries: i64 = db.query_row("SELECT count(*) FROM audit_entries", [], |row| row.get(0)).unwrap();
        assert_eq!(entries, 1);
    }
}
