//! Detects missing records: finds silent workers, and reports gaps and conflicts in the audit log.

use headgate_collector_db::StoreError;
use headgate_collector_store::{
    Readers, Store, WriteHandle, audit_conflicts, audit_gaps, note_silent_workers, note_unknown_ends, silent_workers,
    unknown_ends,
};
use headgate_collector_types::clock;
use std::time::Duration;

/// Interval of the checks.
const INTERVAL: Duration = Duration::from_secs(5);
/// Number of checks after the start that report no worker as silent: none could be heard while the collector was down.
const SILENT_GRACE: u32 = 24;
/// The same for workers with an unknown end; a live worker reports at least every ten seconds.
const END_GRACE: u32 = 9;

/// Access to the store.
#[derive(Debug, Clone)]
pub struct GapMonitor {
    writes: WriteHandle,
    readers: Readers,
}

impl GapMonitor {
    /// Creates the checks of a collector that has just started.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self { writes: store.writes.clone(), readers: store.readers.clone() }
    }

    /// Checks periodically, for as long as it is polled.
    pub async fn run(self) {
        let mut checks = 0_u32;
        loop {
            tokio::time::sleep(INTERVAL).await;
            checks = checks.saturating_add(1);
            // If the store cannot be written, its writer reports that, and the next check tries again.
            let _ = self.check(checks).await;
        }
    }

    async fn check(&self, checks: u32) -> Result<(), StoreError> {
        let now = clock::now_us();
        if checks > END_GRACE {
            let ends = self.readers.query(move |db| unknown_ends(db, now)).await?;
            if !ends.is_empty() {
                self.writes.transact(move |tx| note_unknown_ends(tx, &ends, now)).await?;
            }
        }
        if checks > SILENT_GRACE {
            let silent = self.readers.query(move |db| silent_workers(db, now)).await?;
            if !silent.is_empty() {
                self.writes.transact(move |tx| note_silent_workers(tx, &silent, now)).await?;
            }
        }
        self.writes.transact(move |tx| Ok(audit_gaps(tx, now)? | audit_conflicts(tx, now)?)).await?;
        Ok(())
    }
}
