//! A connection to the database, SQLite or PostgreSQL.
//!
//! The store's code is written once, in SQL that both engines understand: numbered parameters (`?1`), 64-bit integers, texts
//! and blobs. The names are those of rusqlite (`prepare_cached`, `query_row`, `params!`, `Row::get`), because that is the
//! simplest API for such code. All differences between the engines are in this crate and nowhere else.

mod error;
mod postgres;
mod sqlite;
mod statement;
mod store_error;
mod transaction;
mod value;

pub use error::{Error, OptionalExtension, Result};
pub use postgres::{BadUrl, Bulk, Server};
pub use statement::{MappedRows, Row, RowIndex, Rows, Statement};
pub use store_error::{StoreError, TlsFault};
pub use transaction::Transaction;
pub use value::{FromSql, Params, ParamsFromIter, ToSql, Value, ValueRef, params_from_iter};

use headgate_collector_types::clock;
use statement::Prepared;
use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

/// A connection to the database.
///
/// Methods that return a `Result` fail with the error of the engine, unless they state other errors.
#[derive(Debug)]
pub struct Db(Engine);

#[derive(Debug)]
enum Engine {
    Sqlite(rusqlite::Connection),
    Postgres(Box<postgres::Connection>),
}

impl Db {
    /// Opens a connection that may write to this SQLite file. A missing file is created.
    pub fn sqlite_writer(file: &Path) -> Result<Self> {
        Ok(Self(Engine::Sqlite(sqlite::writer(file)?)))
    }

    /// Opens a connection that only reads this SQLite file.
    pub fn sqlite_reader(file: &Path) -> Result<Self> {
        Ok(Self(Engine::Sqlite(sqlite::reader(file)?)))
    }

    /// Opens a session on this PostgreSQL server that may write.
    pub fn postgres_writer(server: &Server) -> Result<Self> {
        Ok(Self(Engine::Postgres(Box::new(postgres::Connection::open_writer(server)?))))
    }

    /// Opens a session on this PostgreSQL server.
    pub fn postgres_reader(server: &Server) -> Result<Self> {
        Ok(Self(Engine::Postgres(Box::new(postgres::Connection::open(server)?))))
    }

    /// Prepares a statement; the connection caches it for the next time.
    ///
    /// # Errors
    /// The database cannot parse the statement, or does not answer.
    pub fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        match &self.0 {
            Engine::Sqlite(connection) => Ok(Statement(Prepared::Sqlite(connection.prepare_cached(sql)?))),
            Engine::Postgres(connection) => Ok(Statement(Prepared::Postgres(connection, sql.to_owned()))),
        }
    }

    /// Runs a statement; returns the number of changed rows.
    ///
    /// # Errors
    /// Errors of the database.
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.prepare_cached(sql)?.execute(params)
    }

    /// Runs a statement; returns the first row as `read` converts it.
    ///
    /// # Errors
    /// Errors of the database and of `read`; [`Error::NoRows`] if there is none.
    pub fn query_row<T>(&self, sql: &str, params: impl Params, read: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<T> {
        self.prepare_cached(sql)?.query_row(params, read)
    }

    /// Runs statements without parameters and rows.
    ///
    /// # Errors
    /// Errors of the database.
    pub fn execute_batch(&self, sql: &str) -> Result<()> {
        match &self.0 {
            Engine::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Engine::Postgres(connection) => connection.execute_batch(sql),
        }
    }

    /// Returns the text in its stored form.
    pub fn as_stored<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.0 {
            Engine::Sqlite(_) => text.into(),
            Engine::Postgres(_) => postgres::without_nul(text),
        }
    }

    /// Returns the number of steps of the schema that have been applied; see `schema`.
    pub fn schema_version(&self) -> Result<i64> {
        match &self.0 {
            Engine::Sqlite(_) => self.query_row("PRAGMA user_version", [], |row| row.get(0)),
            Engine::Postgres(connection) if !connection.exists("schema_version")? => Ok(0),
            Engine::Postgres(_) => self.query_row("SELECT version FROM schema_version", [], |row| row.get(0)),
        }
    }

    /// Sets the number of steps of the schema that have been applied.
    pub fn set_schema_version(&self, version: i64) -> Result<()> {
        match &self.0 {
            Engine::Sqlite(connection) => Ok(connection.pragma_update(None, "user_version", version)?),
            Engine::Postgres(_) => self.execute("UPDATE schema_version SET version = ?1", [version]).map(|_| ()),
        }
    }

    /// Returns the mark of a file as the collector's database; 0 if it has none.
    pub fn application_mark(&self) -> Result<i64> {
        match &self.0 {
            Engine::Sqlite(_) => self.query_row("PRAGMA application_id", [], |row| row.get(0)),
            Engine::Postgres(_) => Ok(0),
        }
    }

    /// Marks a file as the collector's database.
    pub fn set_application_mark(&self, mark: i64) -> Result<()> {
        match &self.0 {
            Engine::Sqlite(connection) => Ok(connection.pragma_update(None, "application_id", mark)?),
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Returns the problems that the database's own check of its structure finds, `most` at most.
    pub fn structure_problems(&self, most: usize) -> Result<Vec<String>> {
        match &self.0 {
            Engine::Sqlite(_) => self.check(&most.to_string()),
            // A server has its own tools for this, such as pg_amcheck.
            Engine::Postgres(_) => Ok(Vec::new()),
        }
    }

    /// Returns whether the database's own check finds no problem in the rows and indexes of a table.
    pub fn is_table_intact(&self, table: &str) -> Result<bool> {
        match &self.0 {
            Engine::Sqlite(_) => Ok(self.check(table)?.is_empty()),
            Engine::Postgres(_) => Ok(true),
        }
    }

    /// Runs SQLite's check of one table, or of everything with a maximum number of findings.
    fn check(&self, argument: &str) -> Result<Vec<String>> {
        let mut check = self.prepare_cached(&format!("PRAGMA integrity_check({argument})"))?;
        let found = check.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>>>()?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }

    /// Returns the size of the database in bytes.
    pub fn bytes(&self) -> Result<i64> {
        match &self.0 {
            Engine::Sqlite(_) => self.query_row(
                "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
                [],
                |row| row.get(0),
            ),
            Engine::Postgres(_) => self.query_row("SELECT pg_database_size(current_database())", [], |row| row.get(0)),
        }
    }

    /// Interrupts queries that still run after this time from now on.
    pub fn set_query_timeout(&mut self, time: Duration) -> Result<()> {
        match &mut self.0 {
            Engine::Sqlite(connection) => Ok(sqlite::set_query_timeout(connection, time)?),
            Engine::Postgres(connection) => connection.set_query_timeout(time),
        }
    }

    /// Removes the files that only a running writer needs.
    pub fn finish(&self) -> Result<()> {
        match &self.0 {
            Engine::Sqlite(connection) => Ok(sqlite::finish(connection)?),
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Returns whether other processes may write to this database too, so that facts read in one transaction may be outdated in
    /// the next.
    pub const fn is_shared(&self) -> bool {
        matches!(self.0, Engine::Postgres(_))
    }

    /// Returns the time in µs since the Unix epoch, by a clock that all writers of this database share.
    pub fn now_us(&self) -> Result<i64> {
        let sql = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";
        if self.is_shared() { self.query_row(sql, [], |row| row.get(0)) } else { Ok(clock::now_us()) }
    }

    /// Returns whether the connection has become unusable.
    pub fn is_lost(&self) -> bool {
        match &self.0 {
            Engine::Sqlite(_) => false,
            Engine::Postgres(connection) => connection.is_lost(),
        }
    }

    /// Returns whether the connection can be used. On a server this asks the server.
    pub fn is_connected(&self) -> bool {
        match &self.0 {
            Engine::Sqlite(_) => true,
            Engine::Postgres(connection) => connection.is_connected(),
        }
    }

    /// Returns the engine's operations for many rows at once, if they are of advantage there.
    pub fn bulk(&self) -> Option<Bulk<'_>> {
        match &self.0 {
            Engine::Sqlite(_) => None,
            Engine::Postgres(connection) => Some(Bulk::of(connection)),
        }
    }

    /// Creates the partition of a log's table for entries of this time.
    pub fn begin_day(&self, table: &str, received_at: i64) -> Result<()> {
        match &self.0 {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(connection) => connection.begin_day(table, received_at),
        }
    }

    /// Returns the partitions of a log's table that ended before `until` and hold no entry.
    pub fn empty_days(&self, table: &str, until: i64) -> Result<Vec<String>> {
        match &self.0 {
            Engine::Sqlite(_) => Ok(Vec::new()),
            Engine::Postgres(connection) => connection.empty_days(table, until),
        }
    }

    /// Drops a partition of a log's table if it is still empty; returns whether it did.
    pub fn drop_day(&self, day: &str) -> Result<bool> {
        match &self.0 {
            Engine::Sqlite(_) => Ok(false),
            Engine::Postgres(connection) => connection.drop_day(day),
        }
    }

    /// Returns the SQL of a step of the schema in the dialect of this engine.
    pub fn table_form<'s>(&self, sql: &'s str) -> Cow<'s, str> {
        match &self.0 {
            Engine::Sqlite(_) => Cow::Borrowed(sql),
            Engine::Postgres(_) => Cow::Owned(postgres::table_form(sql)),
        }
    }
}
