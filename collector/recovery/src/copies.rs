//! Makes copies of a SQLite database while it is in use, and checks whether a copy is intact.
//!
//! SQLite's stepwise backup starts again after each write by another connection, so under load it would never end.
//! `VACUUM INTO` reads one snapshot instead: in WAL mode it blocks no writer, and deleted rows are not in the copy.

use headgate_collector_db::{Db, Result, StoreError};
use headgate_collector_types::Log;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// Longest wait for a lock on the copied database.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// The contents of a database in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contents {
    /// Version of its schema.
    pub version: i64,
    /// Position of the last entry of the request log.
    pub requests: i64,
    /// Position of the last entry of the audit log; 0 if there is none.
    pub audit: i64,
}

/// Returns the contents of a database without changing it.
///
/// # Errors
/// The database cannot be read, or is not one of the collector.
pub fn contents(file: &Path) -> Result<Contents, StoreError> {
    read(&open(file)?)
}

/// Copies a database, even one in use, into a new file that only its owner may read. The file must not exist. The copy is on
/// disk when this returns.
///
/// # Errors
/// The database cannot be read, or the file cannot be written.
pub fn copy(database: &Path, into: &Path) -> Result<(), StoreError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(into)?;
    let text = into.to_str().ok_or(StoreError::Other)?;
    open(database)?.execute("VACUUM INTO ?1", [text]).map_err(headgate_collector_db::Error::from)?;
    Ok(File::open(into)?.sync_all()?)
}

/// Reads all of a database and returns its contents.
///
/// # Errors
/// [`StoreError::Damaged`] if the database is not intact, or a log has entries beyond its end. Other errors if the database
/// cannot be read.
pub fn check(file: &Path) -> Result<Contents, StoreError> {
    let db = open(file)?;
    let result: String = query_value(&db, "PRAGMA integrity_check(1)")?;
    let contents = read(&db)?;
    let heads = [(Log::Requests, contents.requests), (Log::Audit, contents.audit)];
    for (log, head) in heads.into_iter().filter(|(_, head)| *head > 0) {
        let last: i64 = query_value(&db, &format!("SELECT coalesce(max(position), 0) FROM {}", log.table()))?;
        // Retention deletes entries from the front of a log, never from its end.
        if last > head {
            return Err(StoreError::Damaged);
        }
    }
    if result == "ok" { Ok(contents) } else { Err(StoreError::Damaged) }
}

/// Returns whether another process has the database open. A database that cannot be read counts as free.
#[must_use]
pub fn in_use(file: &Path) -> bool {
    let locked = || -> rusqlite::Result<()> {
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        db.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; ROLLBACK")
    };
    let code = locked().err().and_then(|error| error.sqlite_error_code());
    matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Returns a writer's connection to a file outside a data folder, with the schema brought to this version.
///
/// # Errors
/// The file cannot be opened or brought to this version.
pub fn upgraded(file: &Path) -> Result<Db, StoreError> {
    let mut db = Db::sqlite_writer(file)?;
    headgate_collector_store::schema::upgrade(&mut db)?;
    Ok(db)
}

fn open(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags).map_err(headgate_collector_db::Error::from)?;
    db.busy_timeout(LOCK_WAIT).map_err(headgate_collector_db::Error::from)?;
    Ok(db)
}

fn read(db: &Connection) -> Result<Contents, StoreError> {
    let version = query_value(db, "PRAGMA user_version")?;
    if version == 0 {
        return Err(StoreError::Damaged);
    }
    let head = |log: Log| {
        let sql = "SELECT coalesce(max(next_position), 1) - 1 FROM log_heads WHERE log = ";
        query_value(db, &format!("{sql}'{}'", log.as_str()))
    };
    Ok(Contents { version, requests: head(Log::Requests)?, audit: head(Log::Audit)? })
}

fn query_value<T: rusqlite::types::FromSql>(db: &Connection, sql: &str) -> Result<T, StoreError> {
    Ok(db.query_row(sql, [], |row| row.get(0)).map_err(headgate_collector_db::Error::from)?)
}
