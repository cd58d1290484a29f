//! Forwarders that retention waits for: an entry that has expired and is not delivered yet stays for a while.

use headgate_collector_db::{Db, StoreError};
use headgate_collector_types::Log;

/// The entries of a log that wait, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    /// The newest entry that all of these forwarders have delivered.
    pub(super) delivered: i64,
    /// The time by which later entries are kept for longer, µs; 0 if nothing waits.
    pub(super) hold_us: i64,
}

impl Waiting {
    /// Returns the position up to which entries are deleted when they expire, and the time by which later ones expire.
    pub(super) fn of(db: &Db, log: Log) -> Result<Self, StoreError> {
        let sql = "SELECT min(l.position), max(f.hold_us) FROM forwarders f JOIN forwarder_logs l ON l.id = f.id
                   WHERE f.hold_us > 0 AND l.log = ?1";
        let read = |row: &headgate_collector_db::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let (delivered, hold_us): (Option<i64>, Option<i64>) =
            db.prepare_cached(sql)?.query_row([log.as_str()], read)?;
        Ok(Self { delivered: delivered.unwrap_or(i64::MAX), hold_us: hold_us.unwrap_or(0) })
    }
}
