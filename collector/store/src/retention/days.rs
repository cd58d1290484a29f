//! Days that retention has emptied.
//!
//! Entries are deleted one by one even where a store keeps each day of a log in its own partition: class and hold differ
//! from entry to entry, each entry is counted in the log's run, and its hash is kept. The remaining empty table would
//! still be planned for in every query of the log. The next run drops it, when no reader sees its last entries any more.

use headgate_collector_db::{Db, StoreError};
use headgate_collector_types::Log;
use headgate_collector_types::retention::DAY_US;

/// Returns the empty partitions of a log, the oldest first. Today's and yesterday's are left out, because another
/// collector's clock may be behind.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn empty_days(db: &Db, log: Log, now: i64) -> Result<Vec<String>, StoreError> {
    Ok(db.empty_days(log.table(), now.saturating_sub(DAY_US))?)
}

/// Drops such a partition unless it has entries now, and returns whether it did.
///
/// # Errors
/// The store cannot be written; [`StoreError::Locked`] if the log is being read all the time.
pub fn drop_day(tx: &Db, day: &str) -> Result<bool, StoreError> {
    Ok(tx.drop_day(day)?)
}
