//! Deletes expired entries from the logs, except those under a hold.
//!
//! Expired entries are deleted once a day, as soon as the day is over (UTC), in steps that let other writes in between: each is
//! a transaction of a few milliseconds, followed by a pause. A change of rules or holds starts a new run at once. The day is
//! the store's, not that of a clock that leaps; see `store/trusted_time.rs`.

mod clock_watch;

use clock_watch::ClockWatch;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{
    Readers, RetentionMetrics, RulesVersion, Store, WriteHandle, complete_run, count_expired, delete, drop_day,
    empty_days, find_prunable, prune, retention, select_expired,
};
use headgate_collector_types::Log;
use headgate_collector_types::retention::{DAY_US, Rules};
use std::time::Duration;

/// Interval of the checks for a new day or new rules.
const INTERVAL: Duration = Duration::from_secs(2);
/// Pause between two steps.
const STEP_PAUSE: Duration = Duration::from_millis(20);

/// Access to the store; clones share it.
#[derive(Debug, Clone)]
pub struct Retention {
    writes: WriteHandle,
    readers: Readers,
    metrics: RetentionMetrics,
    clock: ClockWatch,
}

/// The basis of a run. While it is unchanged, no further entries can be due.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Basis {
    day: i64,
    rules_version: RulesVersion,
    rules: Rules,
}

impl Retention {
    /// Creates the job of a collector that has just started.
    #[must_use]
    pub fn new(store: &Store, metrics: RetentionMetrics) -> Self {
        let clock = ClockWatch::new(store, metrics.clone());
        Self { writes: store.writes.clone(), readers: store.readers.clone(), metrics, clock }
    }

    /// Deletes expired entries, for as long as it is polled.
    pub async fn run(mut self) {
        let mut done = None;
        loop {
            tokio::time::sleep(INTERVAL).await;
            // If the store cannot be written, its writer reports that. An interrupted run continues at the next check.
            if let Ok(basis) = self.check(done.as_ref()).await {
                done = Some(basis);
            }
        }
    }

    async fn check(&mut self, done: Option<&Basis>) -> Result<Basis, StoreError> {
        let now = self.clock.check().await?;
        let basis = self.readers.query(move |db| basis(db, now)).await?;
        if done != Some(&basis) {
            for log in Log::ALL {
                self.delete_expired(log, now).await?;
            }
            self.prune(now).await?;
        }
        Ok(basis)
    }

    async fn delete_expired(&self, log: Log, now: i64) -> Result<(), StoreError> {
        let due = self.readers.query(move |db| count_expired(db, log, &retention(db)?.in_force(now), now)).await?;
        self.metrics.begin(log, due.entries);
        self.drop_empty_days(log, now).await?;
        let mut cursor = Default::default();
        while let Some(selection) = self.readers.query(move |db| select_expired(db, log, cursor, now)).await? {
            let next = selection.cursor;
            // `None` means that rules or holds have changed since the selection, which is then repeated.
            if let Some(deleted) = self.writes.transact(move |tx| delete(tx, &selection)).await? {
                self.metrics.deleted(log, deleted);
                cursor = next;
            }
            tokio::time::sleep(STEP_PAUSE).await;
        }
        self.writes.transact(move |tx| complete_run(tx, log)).await?;
        self.metrics.end(log, now);
        Ok(())
    }

    /// Drops days that earlier runs have emptied.
    async fn drop_empty_days(&self, log: Log, now: i64) -> Result<(), StoreError> {
        for day in self.readers.query(move |db| empty_days(db, log, now)).await? {
            match self.writes.transact(move |tx| drop_day(tx, &day)).await {
                Ok(_) => tokio::time::sleep(STEP_PAUSE).await,
                // A long read holds the log. Every retry would make all others wait, so the day is left to the next run.
                Err(StoreError::Locked) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn prune(&self, now: i64) -> Result<(), StoreError> {
        while let Some(found) = self.readers.query(move |db| find_prunable(db, now)).await? {
            self.writes.transact(move |tx| prune(tx, &found)).await?;
            tokio::time::sleep(STEP_PAUSE).await;
        }
        Ok(())
    }
}

fn basis(db: &Db, now: i64) -> Result<Basis, StoreError> {
    Ok(Basis {
        day: now.div_euclid(DAY_US),
        rules_version: RulesVersion::now(db)?,
        rules: retention(db)?.in_force(now),
    })
}
