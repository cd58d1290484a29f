//! Days that retention has emptied.
//!
//! Entries go one by one also where a store keeps each day of a log in a part of its own: class and hold differ from entry to
//! entry, each is counted in the log's run, and its hash is kept. What then is left of a day is an empty table, which every
//! look at the log would have to plan for; it goes with the next run, when no reader sees its last entries any more.

use super::super::db::Db;
use super::super::{Log, StoreError};
use crate::retention::DAY_US;

/// Parts of a log that are empty, oldest first. Not those of today and yesterday: another collector's clock may be behind.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn empty_days(db: &Db, log: Log, now: i64) -> Result<Vec<String>, StoreError> {
    Ok(db.empty_days(log.table(), now.saturating_sub(DAY_US))?)
}

/// Drops such a part, unless something stands there now; tells whether it did.
///
/// # Errors
/// The store cannot be written; [`StoreError::Locked`] if the log is being read all the time.
pub fn drop_day(tx: &Db, day: &str) -> Result<bool, StoreError> {
    Ok(tx.drop_day(day)?)
}
