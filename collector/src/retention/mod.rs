//! How long the logs are kept, and what must not be deleted.
//!
//! What is past its time goes once a day, as soon as the day is over (UTC), in steps that let everyone else in between: each is
//! one transaction of a few milliseconds, with a pause behind it. A change of rules or holds is looked at at once.

mod hold;
mod metrics;
mod rules;

pub use hold::Scope;
pub use metrics::RetentionMetrics;
pub use rules::{AuditRules, DAY_US, RequestRules, Rules, cutoff};

use crate::clock;
use crate::store::{
    Db, Log, Readers, Stamp, Store, StoreError, WriteHandle, choose, delete, drop_day, empty_days, expired, finish_run,
    forget, forgotten, retention,
};
use std::time::Duration;

/// Pause between two looks for a new day or new rules.
const PAUSE: Duration = Duration::from_secs(2);
/// Pause between two steps.
const BREATH: Duration = Duration::from_millis(20);

/// The way to the store; clones share it.
#[derive(Debug, Clone)]
pub struct Retention {
    writes: WriteHandle,
    readers: Readers,
    metrics: RetentionMetrics,
}

/// What a run was made by. While it stays the same, there is nothing new that could go.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Basis {
    day: i64,
    stamp: Stamp,
    rules: Rules,
}

impl Retention {
    /// Of a collector that has just started.
    #[must_use]
    pub fn new(store: &Store, metrics: RetentionMetrics) -> Self {
        Self { writes: store.writes.clone(), readers: store.readers.clone(), metrics }
    }

    /// Deletes what is past its time, for as long as it is polled.
    pub async fn keep(self) {
        let mut done = None;
        loop {
            tokio::time::sleep(PAUSE).await;
            // A store that cannot be written now can be later; its writer says so. A run goes on where it broke off.
            if let Ok(basis) = self.look(done.as_ref()).await {
                done = Some(basis);
            }
        }
    }

    async fn look(&self, done: Option<&Basis>) -> Result<Basis, StoreError> {
        let now = clock::now_us();
        let basis = self.readers.query(move |db| basis(db, now)).await?;
        if done != Some(&basis) {
            for log in Log::ALL {
                self.run(log, now).await?;
            }
            self.forget(now).await?;
        }
        Ok(basis)
    }

    async fn run(&self, log: Log, now: i64) -> Result<(), StoreError> {
        let behind = self.readers.query(move |db| expired(db, log, &retention(db)?.in_force(now), now)).await?;
        self.metrics.begin(log, behind.entries);
        self.drop_empty_days(log, now).await?;
        let mut reached = Default::default();
        while let Some(choice) = self.readers.query(move |db| choose(db, log, reached, now)).await? {
            let next = choice.reached;
            // Chosen by other rules or holds than those of now: chosen again.
            if let Some(deleted) = self.writes.transact(move |tx| delete(tx, &choice)).await? {
                self.metrics.deleted(log, deleted);
                reached = next;
            }
            tokio::time::sleep(BREATH).await;
        }
        self.writes.transact(move |tx| finish_run(tx, log)).await?;
        self.metrics.end(log, now);
        Ok(())
    }

    /// Drops what earlier runs have emptied.
    async fn drop_empty_days(&self, log: Log, now: i64) -> Result<(), StoreError> {
        for day in self.readers.query(move |db| empty_days(db, log, now)).await? {
            match self.writes.transact(move |tx| drop_day(tx, &day)).await {
                Ok(_) => tokio::time::sleep(BREATH).await,
                // Somebody reads the log for long. Everybody would wait behind each further try: it is for the next run.
                Err(StoreError::Locked) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn forget(&self, now: i64) -> Result<(), StoreError> {
        while let Some(found) = self.readers.query(move |db| forgotten(db, now)).await? {
            self.writes.transact(move |tx| forget(tx, &found)).await?;
            tokio::time::sleep(BREATH).await;
        }
        Ok(())
    }
}

fn basis(db: &Db, now: i64) -> Result<Basis, StoreError> {
    Ok(Basis { day: now.div_euclid(DAY_US), stamp: Stamp::now(db)?, rules: retention(db)?.in_force(now) })
}
