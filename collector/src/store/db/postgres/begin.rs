//! How transactions begin.
//!
//! The store counts on one writer: places in a log are given without holes and in the order of commits. Where several
//! collectors write, they take turns, by a lock that the server lets go of with the transaction, or with its session.

use super::Connection;
use crate::clock::Stopwatch;
use crate::store::StoreError;
use crate::store::db::{Error, Result};
use std::time::Duration;

/// Waits for a turn in parts, so that a server that has fallen silent is told from one that is busy. What is committed is on
/// disk then, whatever is usual at this server.
const WRITING: &str = "BEGIN; SET LOCAL lock_timeout = '300ms'; SELECT pg_advisory_xact_lock(7523662437424919653);
    SET LOCAL lock_timeout = 0; SELECT set_config('synchronous_commit', 'on', true)
      WHERE current_setting('synchronous_commit') IN ('off', 'local')";
const READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Longest wait for a turn.
const TURN: Duration = Duration::from_secs(5);

impl Connection {
    /// Begins to write, when it is this collector's turn.
    pub(in crate::store::db) fn begin_writing(&self) -> Result<()> {
        let watch = Stopwatch::start();
        loop {
            let begun = self.execute_batch(WRITING);
            if begun.is_ok() || self.is_lost() {
                return begun;
            }
            self.execute_batch("ROLLBACK")?;
            if begun != Err(Error::Store(StoreError::Locked)) || watch.elapsed() > TURN {
                return begun;
            }
        }
    }

    /// Begins to read: all is as it was at one moment.
    pub(in crate::store::db) fn begin_reading(&self) -> Result<()> {
        self.execute_batch(READING)
    }
}
