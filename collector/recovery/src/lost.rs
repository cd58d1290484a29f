//! Finds the lost positions of a log: those without an entry, except the ones that retention has deleted.

use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{DamageKind, DamagedRange, tree};
use headgate_collector_types::Log;

/// Returns the runs of positions of a log whose entries are lost.
pub(super) fn lost_ranges(db: &Db, log: Log) -> Result<Vec<DamagedRange>, StoreError> {
    let head: i64 =
        db.query_row("SELECT next_position FROM log_heads WHERE log = ?1", [log.as_str()], |row| row.get(0))?;
    // The end of the log counts as an entry behind the last one.
    let sql = format!(
        "SELECT before, at FROM (SELECT position AS at, lag(position, 1, 0) OVER (ORDER BY position) AS before
           FROM (SELECT position FROM {} WHERE position < ?1 UNION ALL SELECT ?1)) holes WHERE at > before + 1",
        log.table()
    );
    let mut select = db.prepare_cached(&sql)?;
    let holes =
        select.query_map([head], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<Vec<(i64, i64)>, _>>()?;
    let mut lost_ranges = Vec::new();
    for (before, end) in holes {
        let mut from = before.saturating_add(1);
        // Entries that retention has deleted are not lost.
        let deleted = tree::deleted_ranges(db, log, from, end)?;
        for (first, last) in deleted.into_iter().chain([(end, end)]) {
            if first > from {
                lost_ranges.push(DamagedRange {
                    log,
                    first: from,
                    last: first.saturating_sub(1),
                    kind: DamageKind::Lost,
                });
            }
            from = last.saturating_add(1);
        }
    }
    Ok(lost_ranges)
}
