//! Puts away what is over, in steps that let everyone else in between.
//!
//! A window ends by the clock, not by a report, so somebody has to look: an ended count leaves the lists at once (they ask
//! for its end too) and the indexes of what is current a moment later, so that lists stay quick.

use super::Limits;
use super::counts::BUDGETS_S;
use crate::clock;
use crate::store::db::{Db, params};
use crate::store::{StoreError, time_to_delete_by};
use std::time::Duration;

/// Rows of one step: a few milliseconds of the writer's time.
const STEP: i64 = 1_000;
/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(5);
/// Pause between two steps of one look.
const BREATH: Duration = Duration::from_millis(20);
/// How long it is known what a boot has reported last, µs. Longer than a proxy waits for an answer.
const BOOTS_US: i64 = 30 * 86_400 * 1_000_000;

/// How long shares are kept that nobody can believe any more, µs.
const MEMBERS_US: i64 = 60_000_000;

const END: &str = "UPDATE limit_counts SET current = 0 WHERE count IN
    (SELECT count FROM limit_counts WHERE current = 1 AND window_end <= ?1 LIMIT ?2)";
const DROP: &str = "DELETE FROM limit_counts WHERE count IN
    (SELECT count FROM limit_counts WHERE current = 0 AND keep_until <= ?1 LIMIT ?2)";
const DROP_CROSSINGS: &str = "DELETE FROM limit_crossings WHERE crossing IN
    (SELECT crossing FROM limit_crossings WHERE at <= ?1 LIMIT ?2)";
const DROP_BOOTS: &str = "DELETE FROM limit_boots WHERE boot IN
    (SELECT boot FROM limit_boots WHERE seen_at <= ?1 LIMIT ?2)";

impl Limits {
    pub(super) async fn keep_tidy(&self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            // A store that cannot be written now can be later.
            while let Ok(true) = self.writes.transact(|tx| tidy(tx, clock::now_us(), time_to_delete_by(tx)?)).await {
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// One step; tells whether there may be more to do. What is dropped goes by a time that does not leap.
fn tidy(tx: &Db, now_us: i64, drop_by_us: i64) -> Result<bool, StoreError> {
    let crossings = drop_by_us.saturating_sub(BUDGETS_S.saturating_mul(1_000_000));
    let steps = [
        (END, now_us / 1_000_000),
        (DROP, drop_by_us / 1_000_000),
        (DROP_CROSSINGS, crossings),
        (DROP_BOOTS, drop_by_us.saturating_sub(BOOTS_US)),
    ];
    let mut more = false;
    for (sql, until) in steps {
        let done = tx.prepare_cached(sql)?.execute(params![until, STEP])?;
        more |= i64::try_from(done).unwrap_or(i64::MAX) >= STEP;
    }
    if tx.is_shared() {
        for sql in super::members::FORGET {
            more |= tx.prepare_cached(sql)?.execute(params![now_us.saturating_sub(MEMBERS_US), STEP])? > 0;
        }
    }
    Ok(more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::open_writer;

    const INSERT: &str = "INSERT INTO limit_counts (rule, meter, subject, window_start, window_end, keep_until, budget,
        current, max, used, fill, told, revision, version)
        VALUES ('r', 'tokens/minute', ?1, 0, ?2, ?3, 0, 1, 1, 1, 1, x'', 0, 1)";

    #[test]
    fn what_has_ended_is_put_aside_and_later_dropped_in_steps() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        for subject in 0..STEP + 1 {
            db.execute(INSERT, params![subject.to_string(), 60, 3_660]).unwrap();
        }
        db.execute(INSERT, params!["endless", i64::MAX, i64::MAX]).unwrap();
        let counts = |current: i64| -> i64 {
            db.query_row("SELECT count(*) FROM limit_counts WHERE current = ?1", [current], |row| row.get(0)).unwrap()
        };
        assert!(!tidy(&db, 59_999_999, 59_999_999).unwrap());
        assert_eq!(counts(1), STEP + 2, "nothing has ended yet");
        assert!(tidy(&db, 60_000_000, 60_000_000).unwrap());
        assert_eq!(counts(0), STEP, "a step at a time");
        assert!(!tidy(&db, 60_000_000, 60_000_000).unwrap());
        assert_eq!((counts(0), counts(1)), (STEP + 1, 1));
        while tidy(&db, 3_660_000_000, 3_659_000_000).unwrap() {}
        assert_eq!(counts(0), STEP + 1, "a clock that leaps drops none");
        while tidy(&db, 3_660_000_000, 3_660_000_000).unwrap() {}
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
