//! The begin of transactions.
//!
//! The store relies on a single writer: positions in a log are given without holes and in the order of commits. Several
//! collectors take turns by a lock that the server releases at the end of the transaction or of its session.

use super::Connection;
use crate::store_error::StoreError;
use crate::{Error, Result};
use headgate_collector_types::clock::Stopwatch;
use std::time::Duration;

/// Begins a transaction that writes. The wait for the lock is short and repeated, to distinguish a silent server from a busy
/// one. A commit is on disk when it returns, even if the server's default is otherwise.
const WRITING: &str = "BEGIN; SET LOCAL lock_timeout = '300ms'; SELECT pg_advisory_xact_lock(7523662437424919653);
    SET LOCAL lock_timeout = 0; SELECT set_config('synchronous_commit', 'on', true)
      WHERE current_setting('synchronous_commit') IN ('off', 'local')";
const READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Longest wait for the lock.
const TURN: Duration = Duration::from_secs(5);

impl Connection {
    /// Begins a transaction that writes, when this collector has the lock.
    pub(crate) fn begin_writing(&self) -> Result<()> {
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

    /// Begins a transaction that reads one snapshot.
    pub(crate) fn begin_reading(&self) -> Result<()> {
        self.execute_batch(READING)
    }
}
