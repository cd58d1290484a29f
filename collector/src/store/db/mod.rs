//! A connection to the database, whichever it is.
//!
//! The store's code is written once, in SQL that every engine here understands: numbered parameters (`?1`), 64-bit integers,
//! texts and blobs. The words are rusqlite's (`prepare_cached`, `query_row`, `params!`, `Row::get`), because that is the
//! plainest API there is for such code; what differs between engines stands below this folder and nowhere else.

pub mod copy;
mod error;
mod postgres;
mod sqlite;
mod statement;
mod transaction;
mod value;

pub use error::{Error, OptionalExtension, Result};
pub(super) use postgres::Bulk;
pub use postgres::{BadUrl, Server};
pub use statement::{MappedRows, Row, RowIndex, Rows, Statement};
pub use transaction::Transaction;
pub(crate) use value::params;
pub use value::{FromSql, Params, ParamsFromIter, ToSql, Value, ValueRef, params_from_iter};

use crate::clock;
use statement::Prepared;
use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

/// A connection.
#[derive(Debug)]
pub struct Db(Engine);

#[derive(Debug)]
enum Engine {
    Sqlite(rusqlite::Connection),
    Postgres(Box<postgres::Connection>),
}

impl Db {
    /// A connection that may write to this SQLite file, which is made if it is missing.
    pub(in crate::store) fn sqlite_writer(file: &Path) -> Result<Self> {
        Ok(Self(Engine::Sqlite(sqlite::writer(file)?)))
    }

    /// A connection that only reads this SQLite file.
    pub(in crate::store) fn sqlite_reader(file: &Path) -> Result<Self> {
        Ok(Self(Engine::Sqlite(sqlite::reader(file)?)))
    }

    /// A session of this PostgreSQL.
    pub(in crate::store) fn postgres(server: &Server) -> Result<Self> {
        Ok(Self(Engine::Postgres(Box::new(postgres::Connection::open(server)?))))
    }

    /// A statement, kept by the connection for the next time.
    ///
    /// # Errors
    /// The database does not understand it, or does not answer.
    pub fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        match &self.0 {
            Engine::Sqlite(connection) => Ok(Statement(Prepared::Sqlite(connection.prepare_cached(sql)?))),
            Engine::Postgres(connection) => Ok(Statement(Prepared::Postgres(connection, sql.to_owned()))),
        }
    }

    /// Runs a statement; gives the number of rows it changed.
    ///
    /// # Errors
    /// Those of the database.
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.prepare_cached(sql)?.execute(params)
    }

    /// What `read` makes of the first row.
    ///
    /// # Errors
    /// Those of the database and of `read`; [`Error::NoRows`] if there is none.
    pub fn query_row<T>(&self, sql: &str, params: impl Params, read: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<T> {
        self.prepare_cached(sql)?.query_row(params, read)
    }

    /// Runs statements that have no parameters and give no rows.
    ///
    /// # Errors
    /// Those of the database.
    pub fn execute_batch(&self, sql: &str) -> Result<()> {
        match &self.0 {
            Engine::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Engine::Postgres(connection) => connection.execute_batch(sql),
        }
    }

    /// A text as it reads once it has been stored.
    pub(in crate::store) fn as_stored<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.0 {
            Engine::Sqlite(_) => text.into(),
            Engine::Postgres(_) => postgres::kept(text),
        }
    }

    /// Steps that the tables have taken; see `schema`.
    pub(in crate::store) fn schema_version(&self) -> Result<i64> {
        match &self.0 {
            Engine::Sqlite(_) => self.query_row("PRAGMA user_version", [], |row| row.get(0)),
            Engine::Postgres(connection) if !connection.exists("schema_version")? => Ok(0),
            Engine::Postgres(_) => self.query_row("SELECT version FROM schema_version", [], |row| row.get(0)),
        }
    }

    /// Notes the steps that the tables have taken.
    pub(in crate::store) fn set_schema_version(&self, version: i64) -> Result<()> {
        match &self.0 {
            Engine::Sqlite(connection) => Ok(connection.pragma_update(None, "user_version", version)?),
            Engine::Postgres(_) => self.execute("UPDATE schema_version SET version = ?1", [version]).map(|_| ()),
        }
    }

    /// What marks a file as this program's database; 0 if nothing does.
    pub(in crate::store) fn application_mark(&self) -> Result<i64> {
        match &self.0 {
            Engine::Sqlite(_) => self.query_row("PRAGMA application_id", [], |row| row.get(0)),
            Engine::Postgres(_) => Ok(0),
        }
    }

    /// Marks a file as this program's database.
    pub(in crate::store) fn set_application_mark(&self, mark: i64) -> Result<()> {
        match &self.0 {
            Engine::Sqlite(connection) => Ok(connection.pragma_update(None, "application_id", mark)?),
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// What the database's own check of its structure finds, so many problems at most.
    pub(in crate::store) fn structure_problems(&self, most: usize) -> Result<Vec<String>> {
        match &self.0 {
            Engine::Sqlite(_) => {
                let mut check = self.prepare_cached(&format!("PRAGMA integrity_check({most})"))?;
                let found = check.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>>>()?;
                Ok(found.into_iter().filter(|line| line != "ok").collect())
            }
            // A server has tools of its own for that, such as pg_amcheck.
            Engine::Postgres(_) => Ok(Vec::new()),
        }
    }

    /// Size of the database, bytes.
    pub(in crate::store) fn bytes(&self) -> Result<i64> {
        match &self.0 {
            Engine::Sqlite(_) => self.query_row(
                "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
                [],
                |row| row.get(0),
            ),
            Engine::Postgres(_) => self.query_row("SELECT pg_database_size(current_database())", [], |row| row.get(0)),
        }
    }

    /// From now on a query that is still running this long after gives up.
    pub(in crate::store) fn give_up_after(&mut self, time: Duration) -> Result<()> {
        match &mut self.0 {
            Engine::Sqlite(connection) => Ok(sqlite::give_up_after(connection, time)?),
            Engine::Postgres(connection) => connection.give_up_after(time),
        }
    }

    /// Puts away what only a running writer needs.
    pub(crate) fn finish(&self) -> Result<()> {
        match &self.0 {
            Engine::Sqlite(connection) => Ok(sqlite::finish(connection)?),
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Whether other processes write here too, so that what was learnt from one transaction may not hold in the next.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self.0, Engine::Postgres(_))
    }

    /// µs since the Unix epoch, by the one clock that all who write here have in common.
    pub(crate) fn now_us(&self) -> Result<i64> {
        let sql = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";
        if self.is_shared() { self.query_row(sql, [], |row| row.get(0)) } else { Ok(clock::now_us()) }
    }

    /// Whether the connection is of no use any more.
    pub(in crate::store) fn is_lost(&self) -> bool {
        match &self.0 {
            Engine::Sqlite(_) => false,
            Engine::Postgres(connection) => connection.is_lost(),
        }
    }

    /// Whether the connection can be used, as far as that can be told without doing so.
    pub(in crate::store) fn is_there(&self) -> bool {
        match &self.0 {
            Engine::Sqlite(_) => true,
            Engine::Postgres(connection) => connection.is_there(),
        }
    }

    /// What the engine has for many rows at once, if it is worth it.
    pub(in crate::store) fn bulk(&self) -> Option<Bulk<'_>> {
        match &self.0 {
            Engine::Sqlite(_) => None,
            Engine::Postgres(connection) => Some(Bulk::of(connection)),
        }
    }

    /// Makes room for entries of this time in a log's table.
    pub(in crate::store) fn begin_day(&self, table: &str, received_at: i64) -> Result<()> {
        match &self.0 {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(connection) => connection.begin_day(table, received_at),
        }
    }

    /// The text of a step of the schema, in this engine's words.
    pub(in crate::store) fn table_form<'s>(&self, sql: &'s str) -> Cow<'s, str> {
        match &self.0 {
            Engine::Sqlite(_) => Cow::Borrowed(sql),
            Engine::Postgres(_) => Cow::Owned(postgres::table_form(sql)),
        }
    }
}
