//! The scrub: a check of both logs and of the other tables while the service runs. It finds damage while a backup still has
//! the entry, and not only when an auditor asks for it.
//!
//! It reads like any query, and after each segment it rests four times as long as the check took, so it takes a fifth of one
//! core at most.

use super::DamageWatch;
use super::segment_check::{SegmentCheck, check_segment, log_continues};
use crate::{Readers, WriteHandle, reindex, schema};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_types::Log;
use headgate_collector_types::clock::Stopwatch;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The rest after a segment, as a multiple of the time of its check.
const REST_FACTOR: u32 = 4;
/// The shortest rest.
const MIN_REST: Duration = Duration::from_millis(5);
/// The pause between the end of a pass over both logs and the next one.
const PAUSE: Duration = Duration::from_secs(6 * 3600);

/// The scrub. Clones share its progress.
#[derive(Debug, Clone)]
pub struct Scrub {
    readers: Readers,
    writes: WriteHandle,
    watch: DamageWatch,
    passes: Arc<AtomicU64>,
}

impl Scrub {
    /// Returns a scrub that has not begun.
    #[must_use]
    pub fn new(readers: Readers, writes: WriteHandle, watch: DamageWatch) -> Self {
        Self { readers, writes, watch, passes: Arc::default() }
    }

    /// Returns the number of complete passes in this process.
    #[must_use]
    pub fn passes(&self) -> u64 {
        self.passes.load(Ordering::Relaxed)
    }

    /// Runs for as long as it is polled.
    pub async fn run(self) {
        loop {
            for log in Log::ALL {
                self.check_log(log).await;
            }
            self.check_other_tables().await;
            self.passes.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn check_log(&self, log: Log) {
        let mut reported = false;
        for segment in 0.. {
            let time = Stopwatch::start();
            let more = match self.check(log, segment).await {
                Ok(check) => check.more,
                Err(StoreError::Damaged) => {
                    if !reported {
                        self.report_structural_damage().await;
                    }
                    reported = true;
                    self.continues(log, segment).await
                }
                // If queries have to wait, the scrub waits too. The next pass checks this segment.
                Err(_) => self.continues(log, segment).await,
            };
            tokio::time::sleep((time.elapsed() * REST_FACTOR).max(MIN_REST)).await;
            if !more {
                return;
            }
        }
    }

    /// Checks a segment, reports damage, and rebuilds derived data that does not agree with its entries.
    async fn check(&self, log: Log, segment: i64) -> Result<SegmentCheck, StoreError> {
        let run = move |db: &Db| check_segment(db, log, segment);
        let check = self.readers.query(run).await?;
        self.watch.report(check.damage.clone()).await;
        if check.disagreeing.is_empty() {
            return Ok(check);
        }
        let count = check.disagreeing.len();
        tracing::warn!(
            "damage: what is derived from {count} entries of the {} log did not agree with them and is built anew",
            log.as_str()
        );
        self.writes.transact(move |tx| reindex::segment(tx, log, segment)).await?;
        let after = self.readers.query(run).await?;
        if after.disagreeing.is_empty() { Ok(after) } else { Err(StoreError::Damaged) }
    }

    /// Checks the tables that the check of the logs does not read. A write would meet their damage at some time, and from
    /// then on no batch would be stored until a restart.
    async fn check_other_tables(&self) {
        let mut tables = self.readers.query(schema::other_tables).await.unwrap_or_default().into_iter();
        let mut reported = false;
        while let (Some(table), false) = (tables.next(), reported) {
            let time = Stopwatch::start();
            let intact = self.readers.query(move |db| Ok(db.is_table_intact(&table)?)).await;
            // If the readers are busy, the next pass checks the table.
            if matches!(intact, Ok(false) | Err(StoreError::Damaged)) {
                self.report_structural_damage().await;
                reported = true;
            }
            tokio::time::sleep((time.elapsed() * REST_FACTOR).max(MIN_REST)).await;
        }
    }

    async fn report_structural_damage(&self) {
        tracing::warn!(
            "damage: the database's own structure is damaged; restart the service: it makes a new one of all that is whole"
        );
        self.writes.mark_damaged().await;
    }

    async fn continues(&self, log: Log, segment: i64) -> bool {
        self.readers.query(move |db| log_continues(db, log, segment)).await.unwrap_or(false)
    }
}
