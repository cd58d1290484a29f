//! Opens and closes gaps for the records of batches.

use super::boot::{Boot, NewGap};
use super::close::{close, is_missing};
use super::gap_audit::GapCounts;
use super::records;
use super::unknown_end::advance_unknown_end;
use headgate_collector_db::{Db, StoreError};

/// Accounts for the records of a batch that have just been stored, each as (number, `started_at`).
pub(crate) fn account(
    db: &Db,
    boot: &mut Boot,
    mut stored: Vec<(i64, i64)>,
    now: i64,
) -> Result<GapCounts, StoreError> {
    let mut counts = GapCounts::default();
    if stored.is_empty() {
        return Ok(counts);
    }
    stored.sort_unstable();
    let late = stored.partition_point(|(seq, _)| *seq <= boot.highest_seq);
    let (late, new) = stored.split_at(late);
    for (first, last) in runs(late) {
        close(db, boot.boot, first, last, now, &mut counts)?;
    }
    for (seq, at) in new {
        if *seq > boot.highest_seq.saturating_add(1) {
            let gap = boot.gap_until(seq.saturating_sub(1), *at, now);
            gap.insert(db, boot.boot, false)?;
            counts.opened(records(gap.first_seq, gap.last_seq));
        }
        boot.advance(*seq, *at, now);
    }
    boot.received_at = Some(now);
    boot.save(db, i64::try_from(stored.len()).unwrap_or(i64::MAX))?;
    advance_unknown_end(db, boot.boot, boot.highest_seq)?;
    Ok(counts)
}

/// Marks numbers as missing that were stored and are lost, each as (number, `started_at`), in ascending order.
pub fn mark_lost(db: &Db, boot: &Boot, lost: &[(i64, i64)], now: i64) -> Result<GapCounts, StoreError> {
    let mut counts = GapCounts::default();
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
        counts.opened(records(first_seq, last_seq));
    }
    Ok(counts)
}

/// Groups ascending numbers into runs without a hole.
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
