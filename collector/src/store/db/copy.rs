//! Copies of a SQLite database: making one while others write, and finding out whether one is whole.
//!
//! SQLite's stepwise backup begins anew whenever somebody else has written, so under load it would never end. `VACUUM INTO`
//! reads one snapshot instead: in WAL mode it holds up no writer, and what was deleted is not in the copy.

use super::{Db, Result};
use crate::store::{Log, StoreError};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// Longest wait for a lock of the database that is copied.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// What a database holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contents {
    /// Steps that its tables have taken.
    pub version: i64,
    /// Place of the last entry of the request log.
    pub requests: i64,
    /// Place of the last entry of the audit log; 0 before there was one.
    pub audit: i64,
}

/// What a database holds, without changing it.
///
/// # Errors
/// It cannot be read, or is none of this program's.
pub fn contents(file: &Path) -> Result<Contents, StoreError> {
    read(&open(file)?)
}

/// Copies a database, also one that is in use, into a file of the owner's alone, which must not exist. What it holds is on
/// disk when this returns.
///
/// # Errors
/// The database cannot be read, or the file cannot be written.
pub fn copy(database: &Path, into: &Path) -> Result<(), StoreError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(into)?;
    let text = into.to_str().ok_or(StoreError::Other)?;
    open(database)?.execute("VACUUM INTO ?1", [text]).map_err(super::Error::from)?;
    Ok(File::open(into)?.sync_all()?)
}

/// Reads all of a database; [`StoreError::Damaged`] if it is not sound or lacks what its logs say they hold.
///
/// # Errors
/// Also if it cannot be read.
pub fn check(file: &Path) -> Result<Contents, StoreError> {
    let db = open(file)?;
    let sound: String = one(&db, "PRAGMA integrity_check(1)")?;
    let contents = read(&db)?;
    let heads = [(Log::Requests, contents.requests), (Log::Audit, contents.audit)];
    for (log, head) in heads.into_iter().filter(|(_, head)| *head > 0) {
        let last: i64 = one(&db, &format!("SELECT coalesce(max(position), 0) FROM {}", log.table()))?;
        // What its retention has ended is gone from the front, never from the end.
        if last > head {
            return Err(StoreError::Damaged);
        }
    }
    if sound == "ok" { Ok(contents) } else { Err(StoreError::Damaged) }
}

/// Whether another process has the database open. One that cannot be read is taken for free.
#[must_use]
pub fn in_use(file: &Path) -> bool {
    let locked = || -> rusqlite::Result<()> {
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        db.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK")
    };
    let code = locked().err().and_then(|error| error.sqlite_error_code());
    matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// The connection of the writer, for a file that is not in a data folder.
///
/// # Errors
/// It cannot be opened or brought to this version.
pub fn upgraded(file: &Path) -> Result<Db, StoreError> {
    let mut db = Db::sqlite_writer(file)?;
    crate::store::schema::upgrade(&mut db)?;
    Ok(db)
}

fn open(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags).map_err(super::Error::from)?;
    db.busy_timeout(LOCK_WAIT).map_err(super::Error::from)?;
    Ok(db)
}

fn read(db: &Connection) -> Result<Contents, StoreError> {
    let version = one(db, "PRAGMA user_version")?;
    if version == 0 {
        return Err(StoreError::Damaged);
    }
    let head = |log: Log| {
        let sql = "SELECT coalesce(max(next_position), 1) - 1 FROM log_heads WHERE log = ";
        one(db, &format!("{sql}'{}'", log.as_str()))
    };
    Ok(Contents { version, requests: head(Log::Requests)?, audit: head(Log::Audit)? })
}

fn one<T: rusqlite::types::FromSql>(db: &Connection, sql: &str) -> Result<T, StoreError> {
    Ok(db.query_row(sql, [], |row| row.get(0)).map_err(super::Error::from)?)
}
