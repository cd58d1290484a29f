//! Gaps at the end: what no later record shows.
//!
//! A worker's heartbeat tells the last number it has given and how many records wait. With none waiting, every number has been
//! acknowledged or is lost. With some waiting there is nothing to say, for they may come; unless the worker falls silent.
//! What comes after all closes the gap as any other.

use super::super::StoreError;
use super::super::db::{self, Db, params};
use super::boot::{Boot, NewGap};
use super::news::{News, count_news};
use super::records;
use headgate_record::Heartbeat;

/// A worker that has been silent for longer is not waited for, µs: a proxy's longest pause between two deliveries, four
/// times over. What it still has to deliver then is missing until it comes.
const SILENT_US: i64 = 120_000_000;
/// Silent workers that are looked at together.
const STEP: i64 = 500;

/// Notes what a heartbeat shows to be lost.
pub(in crate::store) fn note_end(tx: &Db, beat: &Heartbeat, now: i64) -> Result<(), StoreError> {
    let last_seq = i64::try_from(beat.last_seq).unwrap_or(i64::MAX);
    if beat.queued > 0 || last_seq == 0 {
        return Ok(());
    }
    let end = Silent { node: beat.node.clone(), boot_id: beat.boot.clone(), last_seq, heard_at: now };
    open(tx, &end, now)
}

/// A worker that fell silent with records outstanding.
#[derive(Debug, PartialEq, Eq)]
pub struct Silent {
    node: String,
    boot_id: String,
    last_seq: i64,
    heard_at: i64,
}

/// Some of the workers that fell silent with records outstanding. Read apart from writing, as it walks over all silent ones.
///
/// # Errors
/// The store cannot be read.
pub fn silent(db: &Db, now: i64) -> Result<Vec<Silent>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT h.node, h.boot_id, h.last_seq, h.received_at FROM heartbeats h
         LEFT JOIN boots b ON b.node = h.node AND b.boot_id = h.boot_id
         WHERE h.received_at < ?1 AND h.last_seq > COALESCE(b.highest_seq, 0) LIMIT ?2",
    )?;
    let found = select.query_map([now.saturating_sub(SILENT_US), STEP], |row| {
        Ok(Silent { node: row.get(0)?, boot_id: row.get(1)?, last_seq: row.get(2)?, heard_at: row.get(3)? })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Notes what silent workers have not delivered, unless they were heard since.
///
/// # Errors
/// The store cannot be written.
pub fn note_silent(tx: &Db, silent: &[Silent], now: i64) -> Result<(), StoreError> {
    for worker in silent {
        let heard = "SELECT count(*) FROM heartbeats WHERE node = ?1 AND boot_id = ?2 AND received_at > ?3";
        let heard: i64 = tx
            .prepare_cached(heard)?
            .query_row(params![worker.node, worker.boot_id, worker.heard_at], |row| row.get(0))?;
        if heard == 0 {
            open(tx, worker, now)?;
        }
    }
    Ok(())
}

fn open(tx: &Db, end: &Silent, now: i64) -> Result<(), StoreError> {
    let mut boot = Boot::known(tx, &end.node, &end.boot_id, now)?;
    if end.last_seq <= boot.highest_seq {
        return Ok(());
    }
    let gap = boot.gap(end.last_seq, end.heard_at, now);
    if !longer(tx, &boot, &gap, end.heard_at)? {
        gap.insert(tx, boot.boot, true)?;
    }
    let mut news = News::default();
    news.opened(records(gap.first_seq, gap.last_seq));
    boot.reach(end.last_seq, end.heard_at, now);
    boot.save(tx, 0)?;
    count_news(tx, &news)
}

/// Makes the gap at the boot's end longer, if there is one: a worker that loses all it has is one gap, not one a heartbeat.
fn longer(tx: &Db, boot: &Boot, gap: &NewGap, heard_at: i64) -> db::Result<bool> {
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
    use super::{SILENT_US, note_silent, silent};
    use crate::store::dataplanes::keep_heartbeat;
    use crate::store::gaps::{GapQuery, gaps, tell_gaps};
    use crate::store::{change, open_writer};
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
    fn what_a_silent_worker_still_had_is_missing_and_one_that_is_heard_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        for (boot, queued, last_seq, at) in [("dead", 3, 9, 1), ("idle", 0, 0, 1), ("alive", 3, 9, SILENT_US)] {
            change(&mut db, |tx| keep_heartbeat(tx, &beat(boot, queued, last_seq), at)).unwrap();
        }
        assert_eq!(silent(&db, SILENT_US + 1).unwrap(), [], "not yet");
        let found = silent(&db, SILENT_US + 2).unwrap();
        assert_eq!(found.len(), 1);
        change(&mut db, |tx| note_silent(tx, &found, SILENT_US + 2)).unwrap();
        let page = gaps(&db, &GapQuery { limit: 9, ..GapQuery::default() }).unwrap();
        let gap = &page.gaps[0];
        assert_eq!((page.gaps.len(), gap.boot.as_str(), gap.first_seq, gap.last_seq), (1, "dead", 1, 9));
        assert_eq!((gap.after, gap.before, gap.noticed_at), (None, 1, SILENT_US + 2));
        assert_eq!(silent(&db, SILENT_US + 2).unwrap(), [], "noted once");
    }

    #[test]
    fn a_worker_that_is_heard_again_before_it_is_written_off_keeps_its_records() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        change(&mut db, |tx| keep_heartbeat(tx, &beat("a", 3, 9), 1)).unwrap();
        let found = silent(&db, SILENT_US + 2).unwrap();
        change(&mut db, |tx| keep_heartbeat(tx, &beat("a", 3, 9), SILENT_US + 2)).unwrap();
        change(&mut db, |tx| note_silent(tx, &found, SILENT_US + 3)).unwrap();
        assert_eq!(gaps(&db, &GapQuery { limit: 9, ..GapQuery::default() }).unwrap().gaps, []);
    }

    #[test]
    fn a_worker_that_loses_all_it_has_is_one_gap_and_one_audit_entry() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        for last_seq in 1..=50 {
            change(&mut db, |tx| keep_heartbeat(tx, &beat("a", 0, last_seq), 10 + i64::try_from(last_seq).unwrap()))
                .unwrap();
        }
        let page = gaps(&db, &GapQuery { limit: 9, ..GapQuery::default() }).unwrap();
        assert_eq!((page.gaps.len(), page.gaps[0].first_seq, page.gaps[0].last_seq), (1, 1, 50));
        assert!(change(&mut db, |tx| tell_gaps(tx, 1_000_000_000)).unwrap());
        assert!(!change(&mut db, |tx| tell_gaps(tx, 2_000_000_000)).unwrap());
        let entries: i64 = db.query_row("SELECT count(*) FROM audit_entries", [], |row| row.get(0)).unwrap();
        assert_eq!(entries, 1);
    }
}
