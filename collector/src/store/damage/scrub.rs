//! The scrub: walks over both logs from end to end while the service runs, so that damage is noticed while a backup that
//! still has the entry exists, and not when an auditor asks for it.
//!
//! It reads as any query does, and rests four times as long as it has read: a fifth of one core at most.

use super::walk::{Step, step};
use super::{DamageWatch, Log};
use crate::clock::Stopwatch;
use crate::journal;
use crate::store::db::Db;
use crate::store::{Readers, StoreError, WriteHandle, rebuild};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Rests of so many times the time that a step took.
const REST: u32 = 4;
const LEAST_REST: Duration = Duration::from_millis(5);
/// Pause between the end of a walk over both logs and the next one.
const PAUSE: Duration = Duration::from_secs(6 * 3600);

/// The scrub; clones share its progress.
#[derive(Debug, Clone)]
pub struct Scrub {
    readers: Readers,
    writes: WriteHandle,
    watch: DamageWatch,
    passes: Arc<AtomicU64>,
}

impl Scrub {
    /// One that has not begun.
    #[must_use]
    pub fn new(readers: Readers, writes: WriteHandle, watch: DamageWatch) -> Self {
        Self { readers, writes, watch, passes: Arc::default() }
    }

    /// How often this process has walked over both logs.
    #[must_use]
    pub fn passes(&self) -> u64 {
        self.passes.load(Ordering::Relaxed)
    }

    /// Walks for as long as it is polled.
    pub async fn keep(self) {
        loop {
            for log in Log::ALL {
                self.walk(log).await;
            }
            self.passes.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn walk(&self, log: Log) {
        let mut told = false;
        for segment in 0.. {
            let time = Stopwatch::start();
            let more = match self.look(log, segment).await {
                Ok(step) => step.more,
                Err(StoreError::Damaged) => {
                    if !told {
                        self.structure_is_damaged().await;
                    }
                    told = true;
                    self.goes_on(log, segment).await
                }
                // What keeps queries waiting keeps the scrub waiting; the next walk sees what this one does not.
                Err(_) => self.goes_on(log, segment).await,
            };
            tokio::time::sleep((time.elapsed() * REST).max(LEAST_REST)).await;
            if !more {
                return;
            }
        }
    }

    /// Looks at a segment, notes what is damaged, and builds anew what does not agree with its entries.
    async fn look(&self, log: Log, segment: i64) -> Result<Step, StoreError> {
        let look = move |db: &Db| step(db, log, segment);
        let seen = self.readers.query(look).await?;
        self.watch.found(seen.found.clone()).await;
        if seen.disagreeing.is_empty() {
            return Ok(seen);
        }
        let places = seen.disagreeing.len();
        journal::line(&format!(
            "damage: what is derived from {places} entries of the {} log did not agree with them and is built anew",
            log.as_str()
        ));
        self.writes.transact(move |tx| rebuild::segment(tx, log, segment)).await?;
        let again = self.readers.query(look).await?;
        if again.disagreeing.is_empty() { Ok(again) } else { Err(StoreError::Damaged) }
    }

    async fn structure_is_damaged(&self) {
        journal::line(
            "damage: the database's own structure is damaged; restart the service: it makes a new one of all that is whole",
        );
        self.writes.mark_damaged().await;
    }

    async fn goes_on(&self, log: Log, segment: i64) -> bool {
        let goes_on = move |db: &Db| super::walk::goes_on(db, log, segment);
        self.readers.query(goes_on).await.unwrap_or(false)
    }
}
