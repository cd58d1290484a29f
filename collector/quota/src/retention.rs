//! Removes ended counts and expired state, in steps that let other writes in between.
//!
//! A window ends by the clock and not by a report, so a background task looks for ended counts. An ended count leaves the
//! lists at once, because queries check its end too. It leaves the indexes of current counts a moment later, so that
//! lists stay fast.

use super::Limits;
use super::counts::BUDGETS_S;
use headgate_collector_db::{Db, StoreError, params};
use headgate_collector_store::deletion_time;
use headgate_collector_types::clock;
use std::time::Duration;

/// The rows of one step, which take a few milliseconds of the writer's time.
const BATCH: i64 = 1_000;
/// The pause between two rounds.
const PAUSE: Duration = Duration::from_secs(5);
/// The pause between two steps of a round.
const STEP_PAUSE: Duration = Duration::from_millis(20);
/// The time for which the last report number of a boot is kept, in µs. Longer than a proxy waits for an answer.
const BOOTS_US: i64 = 30 * 86_400 * 1_000_000;

/// The time for which expired shares are kept, in µs.
const SHARES_US: i64 = 60_000_000;

const END: &str = "UPDATE limit_counts SET current = 0 WHERE count IN
    (SELECT count FROM limit_counts WHERE current = 1 AND window_end <= ?1 LIMIT ?2)";
const DROP: &str = "DELETE FROM limit_counts WHERE count IN
    (SELECT count FROM limit_counts WHERE current = 0 AND keep_until <= ?1 LIMIT ?2)";
const DROP_CROSSINGS: &str = "DELETE FROM limit_crossings WHERE crossing IN
    (SELECT crossing FROM limit_crossings WHERE at <= ?1 LIMIT ?2)";
const DROP_BOOTS: &str = "DELETE FROM limit_boots WHERE boot IN
    (SELECT boot FROM limit_boots WHERE seen_at <= ?1 LIMIT ?2)";

impl Limits {
    pub(super) async fn run_cleanup(&self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            // A store that cannot be written now may be writable later.
            while let Ok(true) = self.writes.transact(|tx| clean_up(tx, clock::now_us(), deletion_time(tx)?)).await {
                tokio::time::sleep(STEP_PAUSE).await;
            }
        }
    }
}

/// Runs one step and returns whether there may be more to do. Deletion uses the trusted time, which does not leap.
fn clean_up(tx: &Db, now_us: i64, deletion_us: i64) -> Result<bool, StoreError> {
    let crossings = deletion_us.saturating_sub(BUDGETS_S.saturating_mul(1_000_000));
    let steps = [
        (END, now_us / 1_000_000),
        (DROP, deletion_us / 1_000_000),
        (DROP_CROSSINGS, crossings),
        (DROP_BOOTS, deletion_us.saturating_sub(BOOTS_US)),
    ];
    let mut more = false;
    for (sql, until) in steps {
        let done = tx.prepare_cached(sql)?.execute(params![until, BATCH])?;
        more |= i64::try_from(done).unwrap_or(i64::MAX) >= BATCH;
    }
    if tx.is_shared() {
        for sql in super::proxies::DELETE_EXPIRED {
            more |= tx.prepare_cached(sql)?.execute(params![now_us.saturating_sub(SHARES_US), BATCH])? > 0;
        }
    }
    Ok(more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use headgate_collector_store::open_writer;

    const INSERT: &str = "INSERT INTO limit_counts (rule, meter, subject, window_start, window_end, keep_until, budget,
        current, max, used, fill, told, revision, version)
        VALUES ('r', 'tokens/minute', ?1, 0, ?2, ?3, 0, 1, 1, 1, 1, x'', 0, 1)";

    #[test]
    fn ended_counts_are_set_aside_and_dropped_later() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        for subject in 0..BATCH + 1 {
            db.execute(INSERT, params![subject.to_string(), 60, 3_660]).unwrap();
        }
        db.execute(INSERT, params!["endless", i64::MAX, i64::MAX]).unwrap();
        let counts = |current: i64| -> i64 {
            db.query_row("SELECT count(*) FROM limit_counts WHERE current = ?1", [current], |row| row.get(0)).unwrap()
        };
        assert!(!clean_up(&db, 59_999_999, 59_999_999).unwrap());
        assert_eq!(counts(1), BATCH + 2, "nothing has ended yet");
        assert!(clean_up(&db, 60_000_000, 60_000_000).unwrap());
        assert_eq!(counts(0), BATCH, "a step at a time");
        assert!(!clean_up(&db, 60_000_000, 60_000_000).unwrap());
        assert_eq!((counts(0), counts(1)), (BATCH + 1, 1));
        while clean_up(&db, 3_660_000_000, 3_659_000_000).unwrap() {}
        assert_eq!(counts(0), BATCH + 1, "a clock that leaps drops none");
        while clean_up(&db, 3_660_000_000, 3_660_000_000).unwrap() {}
        assert_eq!((counts(0), counts(1)), (0, 1), "what has no end stays");
    }

    #[test]
    fn each_step_finds_its_rows_by_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        for sql in [END, DROP, DROP_CROSSINGS] {
            let mut explain = db.prepare_cached(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = explain.query_map(params![1, 1], |row| row.get::<_, String>(3)).unwrap();
            let steps = steps.map(Result::unwrap).collect::<Vec<_>>().join("; ");
            assert!(!steps.contains("SCAN"), "{sql}: {steps}");
        }
    }
}
