//! SQLite, through rusqlite: the settings of connections, and the conversion of values and errors.

use super::{Error, Params, Result, ValueRef};
use crate::store_error::StoreError;
use headgate_collector_types::clock::Stopwatch;
use rusqlite::types::{ToSqlOutput, ValueRef as SqliteValue};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, Row, ToSql};
use std::path::Path;
use std::time::Duration;

/// Longest wait for another process's lock, because an answer is due within a second.
const LOCK_WAIT: Duration = Duration::from_millis(250);
/// Prepared statements that a connection caches.
const STATEMENTS: usize = 64;
/// SQLite steps between two checks of the time: well under a millisecond.
const STEPS: i32 = 10_000;

/// Settings of the writer. With FULL, a commit in WAL mode is on disk when it returns. With a checkpoint only every 32 MiB,
/// most commits do not bear its cost.
const WRITER: &str = "PRAGMA journal_mode = WAL;
     PRAGMA synchronous = FULL;
     PRAGMA cache_size = -65536;
     PRAGMA wal_autocheckpoint = 8192;
     PRAGMA journal_size_limit = 67108864;
     PRAGMA trusted_schema = OFF;";
const READER: &str = "PRAGMA query_only = ON; PRAGMA cache_size = -16384; PRAGMA trusted_schema = OFF;";

/// Opens a connection that may write.
pub(super) fn writer(file: &Path) -> rusqlite::Result<Connection> {
    set_up(Connection::open(file)?, WRITER)
}

/// Opens a connection that only reads.
pub(super) fn reader(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    set_up(Connection::open_with_flags(file, flags)?, READER)
}

fn set_up(connection: Connection, pragmas: &str) -> rusqlite::Result<Connection> {
    connection.busy_timeout(LOCK_WAIT)?;
    connection.execute_batch(pragmas)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Interrupts queries that still run after this time from now on.
pub(super) fn set_query_timeout(connection: &mut Connection, time: Duration) -> rusqlite::Result<()> {
    let watch = Stopwatch::start();
    connection.progress_handler(STEPS, Some(move || watch.elapsed() > time))
}

/// Moves the write-ahead log into the database, so that one file remains. If it fails, the next start reads the log.
pub(super) fn finish(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
}

/// Binds the values of a statement's parameters.
pub(super) fn bind(statement: &mut CachedStatement<'_>, params: &impl Params) -> Result<()> {
    let mut given = 0;
    params.each(&mut |value| {
        given += 1;
        Ok(statement.raw_bind_parameter(given, BoundValue(value))?)
    })?;
    if given == statement.parameter_count() { Ok(()) } else { Err(Error::Store(StoreError::Other)) }
}

struct BoundValue<'a>(ValueRef<'a>);

impl ToSql for BoundValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            ValueRef::Null => SqliteValue::Null,
            ValueRef::Integer(value) => SqliteValue::Integer(value),
            ValueRef::Real(value) => SqliteValue::Real(value),
            ValueRef::Text(text) => SqliteValue::Text(text.as_bytes()),
            ValueRef::Blob(bytes) => SqliteValue::Blob(bytes),
        }))
    }
}

/// Returns the value of a column.
pub(super) fn value<'r>(row: &'r Row<'_>, column: usize) -> Result<ValueRef<'r>> {
    Ok(match row.get_ref(column)? {
        SqliteValue::Null => ValueRef::Null,
        SqliteValue::Integer(value) => ValueRef::Integer(value),
        SqliteValue::Real(value) => ValueRef::Real(value),
        SqliteValue::Text(bytes) => ValueRef::Text(std::str::from_utf8(bytes).map_err(|_| StoreError::Damaged)?),
        SqliteValue::Blob(bytes) => ValueRef::Blob(bytes),
    })
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => StoreError::Disk,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged,
            Some(ErrorCode::OperationInterrupted) => StoreError::Slow,
            _ => StoreError::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::writer;
    use rusqlite::types::Value;

    #[test]
    fn a_commit_is_on_disk_when_it_returns() {
        let folder = tempfile::tempdir().unwrap();
        let db = writer(&folder.path().join("headgate.db")).unwrap();
        let pragma = |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, Value>(0));
        assert_eq!(pragma("journal_mode").unwrap(), "wal".to_owned().into());
        assert_eq!(pragma("synchronous").unwrap(), 2.into(), "2 is FULL");
    }
}
