//! Gaps as batches open and close them.

use super::super::StoreError;
use super::super::db::Db;
use super::boot::{Boot, NewGap};
use super::close::{close, is_missing};
use super::news::News;
use super::records;
use super::silence::move_on;

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
    move_on(db, boot.boot, boot.highest_seq)?;
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
