//! Gaps as batches open and close them.

use super::super::StoreError;
use super::super::db::{self, Db, OptionalExtension, Row, params};
use super::news::News;
use super::records;

/// A sender's boot, as it was before the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Boot {
    /// Its number.
    pub(in crate::store) boot: i64,
    /// Records that it says it dropped.
    pub(in crate::store) dropped: i64,
    /// The highest number that is accounted for: stored or missing.
    pub(in crate::store) highest_seq: i64,
    last_at: Option<i64>,
    received_at: Option<i64>,
}

impl Boot {
    /// The boot, made if it is not known.
    pub(in crate::store) fn known(db: &Db, node: &str, boot_id: &str, now: i64) -> db::Result<Self> {
        if let Some(boot) = Self::find(db, node, boot_id)? {
            return Ok(boot);
        }
        let mut insert =
            db.prepare_cached("INSERT INTO boots (node, boot_id, received_at) VALUES (?1, ?2, ?3) RETURNING boot")?;
        let boot = insert.query_row(params![node, boot_id, now], |row| row.get(0))?;
        Ok(Self { boot, dropped: 0, highest_seq: 0, last_at: None, received_at: Some(now) })
    }

    /// The boot, if it is known.
    pub(in crate::store) fn find(db: &Db, node: &str, boot_id: &str) -> db::Result<Option<Self>> {
        let sql = "SELECT boot, dropped, highest_seq, last_at, received_at FROM boots WHERE node = ?1 AND boot_id = ?2";
        db.prepare_cached(sql)?.query_row([node, boot_id], Self::read).optional()
    }

    fn read(row: &Row<'_>) -> db::Result<Self> {
        Ok(Self {
            boot: row.get(0)?,
            dropped: row.get(1)?,
            highest_seq: row.get(2)?,
            last_at: row.get(3)?,
            received_at: row.get(4)?,
        })
    }

    /// A gap behind the highest number, up to `last_seq`.
    pub(super) fn gap(&self, last_seq: i64, before_at: i64, now: i64) -> NewGap {
        NewGap {
            first_seq: self.highest_seq.saturating_add(1),
            last_seq,
            after_at: self.last_at,
            before_at,
            received_after: self.received_at.filter(|_| self.highest_seq > 0),
            noticed_at: now,
        }
    }

    /// Moves on to a number that is accounted for now.
    pub(super) fn reach(&mut self, seq: i64, at: i64, now: i64) {
        (self.highest_seq, self.last_at, self.received_at) = (seq, Some(at), Some(now));
    }

    pub(super) fn save(&self, db: &Db, stored: i64) -> db::Result<()> {
        db.prepare_cached(
            "UPDATE boots SET stored = stored + ?2, highest_seq = ?3, last_at = ?4, received_at = ?5 WHERE boot = ?1",
        )?
        .execute(params![self.boot, stored, self.highest_seq, self.last_at, self.received_at])?;
        Ok(())
    }
}

/// A gap that has just been noticed.
pub(super) struct NewGap {
    pub(super) first_seq: i64,
    pub(super) last_seq: i64,
    after_at: Option<i64>,
    before_at: i64,
    received_after: Option<i64>,
    noticed_at: i64,
}

impl NewGap {
    pub(super) fn insert(&self, db: &Db, boot: i64, at_end: bool) -> db::Result<()> {
        db.prepare_cached(
            "INSERT INTO gaps (boot, first_seq, last_seq, after_at, before_at, received_after, noticed_at, at_end)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            boot,
            self.first_seq,
            self.last_seq,
            self.after_at,
            self.before_at,
            self.received_after,
            self.noticed_at,
            i64::from(at_end)
        ])?;
        Ok(())
    }
}

/// Whether the number, which is not above the boot's highest, is missing. One that is not has been stored before.
pub(in crate::store) fn is_missing(db: &Db, boot: i64, seq: i64) -> db::Result<bool> {
    Ok(open_from(db, boot, seq)?.is_some_and(|open| open.first_seq <= seq))
}

/// Takes the records of a batch that have just been stored, (number, `started_at`) each, into account.
pub(in crate::store) fn account(
    db: &Db,
    boot: &mut Boot,
    mut stored: Vec<(i64, i64)>,
    now: i64,
) -> Result<News, StoreError> {
    let mut news = News::default();
    if stored.is_empty() {
        return Ok(news);
    }
    stored.sort_unstable();
    let late = stored.partition_point(|(seq, _)| *seq <= boot.highest_seq);
    let (late, new) = stored.split_at(late);
    for (first, last) in runs(late) {
        close(db, boot.boot, first, last, now, &mut news)?;
    }
    for (seq, at) in new {
        if *seq > boot.highest_seq.saturating_add(1) {
            let gap = boot.gap(seq.saturating_sub(1), *at, now);
            gap.insert(db, boot.boot, false)?;
            news.opened(records(gap.first_seq, gap.last_seq));
        }
        boot.reach(*seq, *at, now);
    }
    boot.received_at = Some(now);
    boot.save(db, i64::try_from(stored.len()).unwrap_or(i64::MAX))?;
    Ok(news)
}

/// Takes numbers into account that were stored and are lost, (number, `started_at`) each in ascending order: they are missing
/// from now on.
pub(in crate::store) fn lose(db: &Db, boot: &Boot, lost: &[(i64, i64)], now: i64) -> Result<News, StoreError> {
    let mut news = News::default();
    let mut known = Vec::with_capacity(lost.len());
    for (seq, at) in lost {
        if *seq <= boot.highest_seq && !is_missing(db, boot.boot, *seq)? {
            known.push((*seq, *at));
        }
    }
    let at = |seq: i64| known.iter().find(|(number, _)| *number == seq).map(|(_, at)| *at);
    for (first_seq, last_seq) in runs(&known) {
        let before_at = at(last_seq).unwrap_or(now);
        let gap =
            NewGap { first_seq, last_seq, after_at: at(first_seq), before_at, received_after: None, noticed_at: now };
        gap.insert(db, boot.boot, false)?;
        news.opened(records(first_seq, last_seq));
    }
    Ok(news)
}

/// Ascending numbers as runs without a hole.
fn runs(stored: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for (seq, _) in stored {
        match runs.last_mut() {
            Some((_, last)) if last.saturating_add(1) == *seq => *last = *seq,
            _ => runs.push((*seq, *seq)),
        }
    }
    runs
}

/// An open gap.
struct Open {
    gap: i64,
    first_seq: i64,
    last_seq: i64,
    noticed_at: i64,
}

/// The first open gap that ends at `seq` or behind it.
fn open_from(db: &Db, boot: i64, seq: i64) -> db::Result<Option<Open>> {
    db.prepare_cached(
        "SELECT gap, first_seq, last_seq, noticed_at FROM gaps WHERE boot = ?1 AND closed_at IS NULL AND last_seq >= ?2
         ORDER BY last_seq LIMIT 1",
    )?
    .query_row([boot, seq], |row| {
        Ok(Open { gap: row.get(0)?, first_seq: row.get(1)?, last_seq: row.get(2)?, noticed_at: row.get(3)? })
    })
    .optional()
}

/// Closes what is open between two numbers, both included.
fn close(db: &Db, boot: i64, first: i64, last: i64, now: i64, news: &mut News) -> Result<(), StoreError> {
    let mut from = first;
    while let Some(open) = open_from(db, boot, from)?.filter(|open| open.first_seq <= last) {
        let came = (open.first_seq.max(from), open.last_seq.min(last));
        if !grow(db, boot, &open, came, now)? {
            split(db, &open, came, now)?;
        }
        news.closed(records(came.0, came.1));
        from = came.1.saturating_add(1);
        if from > last {
            break;
        }
    }
    Ok(())
}

/// What comes late mostly comes in order, batch by batch: then the run that came before grows, and a gap of a million records
/// ends as one that is closed. Tells whether there was such a run.
fn grow(db: &Db, boot: i64, open: &Open, (first, last): (i64, i64), now: i64) -> db::Result<bool> {
    if first > open.first_seq {
        return Ok(false);
    }
    let grown = db
        .prepare_cached(
            "UPDATE gaps SET last_seq = ?3, closed_at = ?4
             WHERE boot = ?1 AND last_seq = ?2 AND noticed_at = ?5 AND closed_at IS NOT NULL",
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

/// Leaves what is still missing of a gap open: nothing, its begin, its end, or both.
fn split(db: &Db, open: &Open, (first, last): (i64, i64), now: i64) -> db::Result<()> {
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
