//! Looks after what is missing: workers that fell silent, and what the audit log is told of gaps and conflicts.

use crate::clock;
use crate::store::{Readers, Store, StoreError, WriteHandle};
use crate::store::{note_silent, note_unknown_ends, silent, tell_conflicts, tell_gaps, unknown_ends};
use std::time::Duration;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(5);
/// Looks after the start without writing anybody off: while the collector was down, nobody could be heard.
const PATIENCE: u32 = 24;
/// The same for workers that did not say that they end, which say something every ten seconds at least.
const END_PATIENCE: u32 = 9;

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
            let _ = self.look(looks).await;
        }
    }

    async fn look(&self, looks: u32) -> Result<(), StoreError> {
        let now = clock::now_us();
        if looks > END_PATIENCE {
            let ends = self.readers.query(move |db| unknown_ends(db, now)).await?;
            if !ends.is_empty() {
                self.writes.transact(move |tx| note_unknown_ends(tx, &ends, now)).await?;
            }
        }
        if looks > PATIENCE {
            let silent = self.readers.query(move |db| silent(db, now)).await?;
            if !silent.is_empty() {
                self.writes.transact(move |tx| note_silent(tx, &silent, now)).await?;
            }
        }
        self.writes.transact(move |tx| Ok(tell_gaps(tx, now)? | tell_conflicts(tx, now)?)).await?;
        Ok(())
    }
}
