//! Reads of the store, each in a snapshot of its own, so that a long job holds up no cleanup of the database.

use crate::packets::fault::PacketFault;
use headgate_collector_db::{Db, StoreError};
use std::time::Duration;

/// The longest time of one step.
const MAX_STEP: Duration = Duration::from_secs(60);

/// A connection for one packet.
pub struct Reading<'r> {
    db: Db,
    goes_on: &'r dyn Fn() -> bool,
}

impl<'r> Reading<'r> {
    /// Returns the reads of a connection. `goes_on` is asked before each step whether the packet is still wanted.
    pub fn new(db: Db, goes_on: &'r dyn Fn() -> bool) -> Self {
        Self { db, goes_on }
    }

    /// Runs one step. Its result is a fault of its own, or of the store.
    pub(super) fn try_step<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&Db) -> Result<T, E>,
    ) -> Result<Result<T, E>, PacketFault> {
        if !(self.goes_on)() {
            return Err(PacketFault::Deleted);
        }
        self.db.set_query_timeout(MAX_STEP).map_err(StoreError::from)?;
        self.db.begin_reading().map_err(StoreError::from)?;
        let done = work(&self.db);
        self.db.end().map_err(StoreError::from)?;
        Ok(done)
    }

    /// Runs one step.
    pub(super) fn step<T>(&mut self, work: impl FnOnce(&Db) -> Result<T, StoreError>) -> Result<T, PacketFault> {
        Ok(self.try_step(work)??)
    }
}
