//! Removes gaps and boots, which outlast their records and still must not grow for ever.
//!
//! An auditor asks for gaps of months whose records are gone, so gaps are kept as long as the audit log. Then closed gaps
//! are deleted. A boot is deleted with its open gaps when nothing of it was received for as long and it has no record
//! left. While any hold exists, nothing is deleted.
//!
//! Names stay. The rollups of usage outlast the records and need them, every writer caches their ids, and each name
//! is stored once however often it is used.

use super::holds::holds;
use super::settings::retention;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_types::retention::cutoff;

/// The rows of one step.
const BATCH: i64 = 500;

/// Closed gaps and boots that may be removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Prunable {
    gaps: Vec<i64>,
    boots: Vec<i64>,
}

/// Returns some of the gaps and boots that may be removed; `None` if there are no more.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn find_prunable(db: &Db, now: i64) -> Result<Option<Prunable>, StoreError> {
    if !holds(db)?.is_empty() {
        return Ok(None);
    }
    let before = cutoff(retention(db)?.in_force(now).audit.days, now);
    let select = |sql: &str| -> Result<Vec<i64>, StoreError> {
        let mut select = db.prepare_cached(sql)?;
        Ok(select.query_map([before, BATCH], |row| row.get(0))?.collect::<Result<_, _>>()?)
    };
    let gaps = select("SELECT gap FROM gaps WHERE noticed_at < ?1 AND closed_at < ?1 LIMIT ?2")?;
    let boots = select(
        "SELECT boot FROM boots b WHERE COALESCE(received_at, 0) < ?1
           AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.boot = b.boot)
           AND NOT EXISTS (SELECT 1 FROM heartbeats h WHERE h.node = b.node AND h.boot_id = b.boot_id) LIMIT ?2",
    )?;
    let nothing = gaps.is_empty() && boots.is_empty();
    Ok((!nothing).then_some(Prunable { gaps, boots }))
}

/// Removes gaps and boots. A boot that has delivered again since stays.
///
/// # Errors
/// The store cannot be written.
pub fn prune(tx: &Db, prunable: &Prunable) -> Result<(), StoreError> {
    for gap in &prunable.gaps {
        tx.prepare_cached("DELETE FROM gaps WHERE gap = ?1 AND closed_at IS NOT NULL")?.execute([gap])?;
    }
    for boot in &prunable.boots {
        let left: i64 =
            tx.prepare_cached("SELECT count(*) FROM requests WHERE boot = ?1")?.query_row([boot], |row| row.get(0))?;
        if left == 0 {
            tx.prepare_cached("DELETE FROM gaps WHERE boot = ?1")?.execute([boot])?;
            tx.prepare_cached("DELETE FROM boots WHERE boot = ?1")?.execute([boot])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{find_prunable, prune};
    use crate::{change, holds, open_writer, place_hold, release_hold};
    use headgate_collector_db::{Db, params};
    use headgate_collector_types::Log;
    use headgate_collector_types::audit::Actor;
    use headgate_collector_types::retention::{DAY_US, Scope};

    fn boot(db: &Db, boot: i64, received_at: i64, closed_at: Option<i64>) {
        db.execute(
            "INSERT INTO boots (boot, node, boot_id, received_at) VALUES (?1, 'n', ?2, ?3)",
            params![boot, boot.to_string(), received_at],
        )
        .unwrap();
        db.execute(
            "INSERT INTO gaps (boot, first_seq, last_seq, before_at, noticed_at, closed_at, at_end)
             VALUES (?1, 1, 1, 1, 1, ?2, 0)",
            params![boot, closed_at],
        )
        .unwrap();
    }

    fn left(db: &Db, table: &str) -> Vec<i64> {
        let mut select = db.prepare_cached(&format!("SELECT boot FROM {table} ORDER BY boot")).unwrap();
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn gaps_and_boots_stay_while_they_are_needed() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let now = 1_000 * DAY_US;
        let old = now - 182 * DAY_US;
        boot(&db, 1, old, None);
        boot(&db, 2, old, Some(old));
        boot(&db, 3, now, Some(old));
        boot(&db, 4, now, None);
        let record = "INSERT INTO requests (position, id, boot, seq, started_at) VALUES (1, x'01', 2, 1, 1)";
        db.execute(record, []).unwrap();
        let scope = Scope { everything: true, ..Scope::default() };
        let place = |tx: &Db| place_hold(tx, Log::Audit, scope, "r".to_owned(), Actor::command(), now);
        change(&mut db, place).unwrap();
        assert_eq!(find_prunable(&db, now).unwrap(), None, "a hold keeps them all");
        let hold = holds(&db).unwrap().remove(0);
        change(&mut db, |tx| release_hold(tx, &hold.id, Actor::command())).unwrap();
        while let Some(prunable) = find_prunable(&db, now).unwrap() {
            change(&mut db, |tx| prune(tx, &prunable)).unwrap();
        }
        assert_eq!(left(&db, "boots"), [2, 3, 4], "one has a record left, two are alive");
        assert_eq!(left(&db, "gaps"), [4], "what is missing at a boot that is alive stays");
    }
}
