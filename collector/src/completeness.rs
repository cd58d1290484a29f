//! Looks after what is missing: workers that fell silent, and what the audit log is told of gaps and conflicts.

use crate::clock;
use crate::store::{Readers, Store, StoreError, WriteHandle, note_silent, silent, tell_conflicts, tell_gaps};
use std::time::Duration;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(5);
/// Looks after the start without writing anybody off: while the collector was down, nobody could be heard.
const PATIENCE: u32 = 24;

/// The way to the store.
#[derive(Debug, Clone)]
pub struct Completeness {
    writes: WriteHandle,
    readers: Readers,
}

impl Completeness {
    /// Of a collector that has just started.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self { writes: store.writes.clone(), readers: store.readers.clone() }
    }

    /// Looks now and then, for as long as it is polled.
    pub async fn keep(self) {
        let mut looks = 0_u32;
        loop {
            tokio::time::sleep(PAUSE).await;
            looks = looks.saturating_add(1);
            // A store that cannot be written now can be later; its writer says so.
            let _ = self.look(looks > PATIENCE).await;
        }
    }

    async fn look(&self, patience_is_over: bool) -> Result<(), StoreError> {
        let now = clock::now_us();
        if patience_is_over {
            let silent = self.readers.query(move |db| silent(db, now)).await?;
            if !silent.is_empty() {
                self.writes.transact(move |tx| note_silent(tx, &silent, now)).await?;
            }
        }
        self.writes.transact(move |tx| Ok(tell_gaps(tx, now)? | tell_conflicts(tx, now)?)).await?;
        Ok(())
    }
}
