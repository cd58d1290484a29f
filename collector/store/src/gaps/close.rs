//! Closes gaps when their records arrive late.

use super::gap_audit::GapCounts;
use super::records;
use headgate_collector_db::{self as db, Db, OptionalExtension, StoreError};

/// Returns whether a number is missing. The number is not above the boot's highest, so if it is not missing, it was
/// stored before.
pub(crate) fn is_missing(db: &Db, boot: i64, seq: i64) -> db::Result<bool> {
    Ok(first_open_gap(db, boot, seq)?.is_some_and(|open| open.first_seq <= seq))
}

/// An open gap.
struct OpenGap {
    gap: i64,
    first_seq: i64,
    last_seq: i64,
    noticed_at: i64,
}

/// Returns the first open gap that ends at `seq` or behind it.
fn first_open_gap(db: &Db, boot: i64, seq: i64) -> db::Result<Option<OpenGap>> {
    db.prepare_cached(
        "SELECT gap, first_seq, last_seq, noticed_at FROM gaps WHERE boot = ?1 AND closed_at IS NULL AND end_unknown = 0
           AND last_seq >= ?2
         ORDER BY last_seq LIMIT 1",
    )?
    .query_row([boot, seq], |row| {
        Ok(OpenGap { gap: row.get(0)?, first_seq: row.get(1)?, last_seq: row.get(2)?, noticed_at: row.get(3)? })
    })
    .optional()
}

/// Closes the gaps between two numbers, both included.
pub(super) fn close(
    db: &Db,
    boot: i64,
    first: i64,
    last: i64,
    now: i64,
    counts: &mut GapCounts,
) -> Result<(), StoreError> {
    let mut from = first;
    while let Some(open) = first_open_gap(db, boot, from)?.filter(|open| open.first_seq <= last) {
        let came = (open.first_seq.max(from), open.last_seq.min(last));
        if !extend_closed(db, boot, &open, came, now)? {
            split(db, &open, came, now)?;
        }
        counts.closed(records(came.0, came.1));
        from = came.1.saturating_add(1);
        if from > last {
            break;
        }
    }
    Ok(())
}

/// Extends the closed run before these records, and returns whether there was one. Late records mostly arrive in order,
/// batch by batch, so a gap of a million records ends as a single closed gap.
fn extend_closed(db: &Db, boot: i64, open: &OpenGap, (first, last): (i64, i64), now: i64) -> db::Result<bool> {
    if first > open.first_seq {
        return Ok(false);
    }
    let grown = db
        .prepare_cached(
            "UPDATE gaps SET last_seq = ?3, closed_at = ?4
             WHERE boot = ?1 AND last_seq = ?2 AND noticed_at = ?5 AND closed_at IS NOT NULL
               AND end_unknown = 0",
        )?
        .execute([boot, first.saturating_sub(1), last, now, open.noticed_at])?;
    if grown == 0 {
        return Ok(false);
    }
    if last < open.last_seq {
        let mut update = db.prepare_cached("UPDATE gaps SET first_seq = ?2 WHERE gap = ?1")?;
        update.execute([open.gap, last.saturating_add(1)])?;
    } else {
        db.prepare_cached("DELETE FROM gaps WHERE gap = ?1")?.execute([open.gap])?;
    }
    Ok(true)
}

/// Keeps the parts of a gap open that are still missing: its begin, its end, both or none.
fn split(db: &Db, open: &OpenGap, (first, last): (i64, i64), now: i64) -> db::Result<()> {
    if first > open.first_seq {
        copy(db, open.gap, (open.first_seq, first.saturating_sub(1)))?;
    }
    if last < open.last_seq {
        copy(db, open.gap, (last.saturating_add(1), open.last_seq))?;
    }
    db.prepare_cached("UPDATE gaps SET first_seq = ?2, last_seq = ?3, closed_at = ?4 WHERE gap = ?1")?
        .execute([open.gap, first, last, now])?;
    Ok(())
}

fn copy(db: &Db, gap: i64, (first, last): (i64, i64)) -> db::Result<()> {
    db.prepare_cached(
        "INSERT INTO gaps (boot, first_seq, last_seq, after_at, before_at, received_after, noticed_at, at_end)
         SELECT boot, ?2, ?3, after_at, before_at, received_after, noticed_at, at_end FROM gaps WHERE gap = ?1",
    )?
    .execute([gap, first, last])?;
    Ok(())
}
