//! Workers that fell silent without reporting their end.
//!
//! A killed worker may have records that no heartbeat reported: those since its last heartbeat, and one for each open
//! request. Their number is not known, so they are a gap of their own kind, after the last known number. If the worker is
//! heard again, the gap closes. Records that come late move the gap on.

use super::boot::Boot;
use super::gap_audit::{GapCounts, add_gap_counts};
use headgate_collector_db::{self as db, Db, StoreError, params};
use headgate_record::Heartbeat;

/// The silence after which a worker counts as dead, in µs: four heartbeats and a margin.
const SILENT_US: i64 = 45_000_000;
/// The silent workers of one step.
const BATCH: i64 = 500;

/// A worker that fell silent without reporting its end.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownEnd {
    node: String,
    boot_id: String,
    heard_at: i64,
    last_seq: i64,
    queued: i64,
    open: Option<i64>,
}

/// Returns some of the workers that fell silent without reporting their end. A worker that never had a request has
/// nothing to lose and is left out.
///
/// # Errors
/// The store cannot be read.
pub fn unknown_ends(db: &Db, now: i64) -> Result<Vec<UnknownEnd>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT node, boot_id, received_at, last_seq, queued, open FROM heartbeats
         WHERE received_at < ?1 AND ending = 0 AND end_noted = 0 AND (last_seq > 0 OR COALESCE(open, 0) > 0) LIMIT ?2",
    )?;
    let found = select.query_map([now.saturating_sub(SILENT_US), BATCH], |row| {
        Ok(UnknownEnd {
            node: row.get(0)?,
            boot_id: row.get(1)?,
            heard_at: row.get(2)?,
            last_seq: row.get(3)?,
            queued: row.get(4)?,
            open: row.get(5)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Notes unknown ends of workers, unless the workers were heard since.
///
/// # Errors
/// The store cannot be written.
pub fn note_unknown_ends(tx: &Db, ends: &[UnknownEnd], now: i64) -> Result<(), StoreError> {
    for end in ends {
        let noted = tx
            .prepare_cached(
                "UPDATE heartbeats SET end_noted = 1
                 WHERE node = ?1 AND boot_id = ?2 AND received_at = ?3 AND end_noted = 0",
            )?
            .execute(params![end.node, end.boot_id, end.heard_at])?;
        if noted > 0 {
            insert_gap(tx, end, now)?;
        }
    }
    Ok(())
}

fn insert_gap(tx: &Db, end: &UnknownEnd, now: i64) -> Result<(), StoreError> {
    let boot = Boot::find_or_insert(tx, &end.node, &end.boot_id, now)?;
    let last_seq = boot.highest_seq.max(end.last_seq);
    let received_after = boot.received_at.unwrap_or(end.heard_at).max(end.heard_at);
    tx.prepare_cached(
        "INSERT INTO gaps (boot, first_seq, last_seq, before_at, received_after, noticed_at, at_end, end_unknown,
           queued, open)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, 1, ?7, ?8)",
    )?
    .execute(params![
        boot.boot,
        last_seq.saturating_add(1),
        last_seq,
        end.heard_at,
        received_after,
        now,
        end.queued,
        end.open
    ])?;
    let mut counts = GapCounts::default();
    counts.opened(0);
    add_gap_counts(tx, &counts)
}

/// Closes the unknown end of a worker that sends a heartbeat. It had not ended, or it now reports its end.
pub(crate) fn close_unknown_end(tx: &Db, beat: &Heartbeat, now: i64) -> Result<(), StoreError> {
    let Some(boot) = Boot::find(tx, &beat.node, &beat.boot)? else { return Ok(()) };
    let sql = "UPDATE gaps SET closed_at = ?2 WHERE boot = ?1 AND closed_at IS NULL AND end_unknown = 1";
    let closed = tx.prepare_cached(sql)?.execute([boot.boot, now])?;
    let mut counts = GapCounts::default();
    if closed > 0 {
        counts.closed(0);
    }
    add_gap_counts(tx, &counts)
}

/// Moves an unknown end behind records that have come late.
pub(super) fn advance_unknown_end(tx: &Db, boot: i64, highest_seq: i64) -> db::Result<()> {
    tx.prepare_cached(
        "UPDATE gaps SET first_seq = ?2, last_seq = ?3
         WHERE boot = ?1 AND closed_at IS NULL AND end_unknown = 1 AND last_seq < ?3",
    )?
    .execute([boot, highest_seq.saturating_add(1), highest_seq])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{SILENT_US, note_unknown_ends, unknown_ends};
    use crate::dataplanes::write_heartbeat;
    use crate::gaps::{Gap, GapQuery, GapState, gaps};
    use crate::{change, open_writer};
    use headgate_collector_db::Db;
    use headgate_record::Heartbeat;

    fn beat(boot: &str, last_seq: u64, ending: bool) -> Heartbeat {
        let text = |text: &str| text.to_owned();
        let (node, version, config_revision) = (text("edge"), text("0.1.0"), text("rev-1"));
        Heartbeat {
            node,
            boot: text(boot),
            version,
            config_revision,
            last_seq,
            open: Some(3),
            ending,
            ..Heartbeat::default()
        }
    }

    fn page(db: &Db, state: GapState) -> Vec<Gap> {
        gaps(db, &GapQuery { state, limit: 9, ..GapQuery::default() }).unwrap().gaps
    }

    fn note_ends(db: &mut Db, now: i64) {
        let ends = unknown_ends(db, now).unwrap();
        change(db, |tx| note_unknown_ends(tx, &ends, now)).unwrap();
    }

    #[test]
    fn a_silent_worker_is_an_unknown_end_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        change(&mut db, |tx| write_heartbeat(tx, &beat("killed", 9, false), 1)).unwrap();
        change(&mut db, |tx| write_heartbeat(tx, &beat("ended", 9, true), 1)).unwrap();
        let idle = Heartbeat { open: Some(0), ..beat("idle", 0, false) };
        change(&mut db, |tx| write_heartbeat(tx, &idle, 1)).unwrap();
        note_ends(&mut db, SILENT_US + 1);
        let unknown =
            |db: &Db, state| -> Vec<Gap> { page(db, state).into_iter().filter(|gap| gap.end_unknown).collect() };
        assert_eq!(unknown(&db, GapState::Open), [], "not yet");
        for now in [SILENT_US + 2, SILENT_US + 3] {
            note_ends(&mut db, now);
        }
        let found = unknown(&db, GapState::Open);
        assert_eq!(found.len(), 1);
        let gap = &found[0];
        assert_eq!((gap.boot.as_str(), gap.first_seq, gap.last_seq, gap.records), ("killed", 10, 9, 0));
        assert_eq!((gap.queued, gap.open, gap.before, gap.noticed_at), (Some(0), Some(3), 1, SILENT_US + 2));
    }

    #[test]
    fn a_late_goodbye_closes_an_unknown_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        change(&mut db, |tx| write_heartbeat(tx, &beat("a", 9, false), 1)).unwrap();
        note_ends(&mut db, SILENT_US + 2);
        let later = SILENT_US * 2;
        change(&mut db, |tx| write_heartbeat(tx, &beat("a", 9, true), later)).unwrap();
        let open = page(&db, GapState::Open);
        assert!(open.iter().all(|gap| !gap.end_unknown), "{open:?}");
        let closed = page(&db, GapState::Closed);
        assert_eq!((closed.len(), closed[0].closed_at), (1, Some(later)));
        note_ends(&mut db, SILENT_US * 9);
        assert!(page(&db, GapState::Open).iter().all(|gap| !gap.end_unknown), "it has said that it ended");
    }

    #[test]
    fn late_records_move_an_unknown_end_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        change(&mut db, |tx| write_heartbeat(tx, &beat("a", 9, false), 1)).unwrap();
        note_ends(&mut db, SILENT_US + 2);
        change(&mut db, |tx| Ok(super::advance_unknown_end(tx, 1, 12)?)).unwrap();
        let gap = page(&db, GapState::Open).into_iter().find(|gap| gap.end_unknown).unwrap();
        assert_eq!((gap.first_seq, gap.last_seq, gap.records), (13, 12, 0));
    }

    #[test]
    fn a_second_silence_of_a_worker_is_noted_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        for (heard, looked) in [(1, SILENT_US + 2), (SILENT_US * 2, SILENT_US * 4)] {
            change(&mut db, |tx| write_heartbeat(tx, &beat("a", 9, false), heard)).unwrap();
            note_ends(&mut db, looked);
        }
        let all = page(&db, GapState::All);
        assert_eq!(all.iter().filter(|gap| gap.end_unknown).count(), 2);
        assert_eq!(page(&db, GapState::Open).iter().filter(|gap| gap.end_unknown).count(), 1);
    }
}
