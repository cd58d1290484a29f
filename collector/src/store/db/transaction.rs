//! All or nothing.

use super::{Db, Engine, Result};
use std::ops::Deref;

/// A transaction; undone unless it is committed.
#[derive(Debug)]
pub struct Transaction<'c> {
    db: &'c Db,
    open: bool,
}

impl Db {
    /// Begins to write: nobody else does until the end.
    pub(in crate::store) fn transaction(&mut self) -> Result<Transaction<'_>> {
        match &self.0 {
            Engine::Sqlite(connection) => connection.execute_batch("BEGIN IMMEDIATE")?,
            Engine::Postgres(connection) => connection.begin_writing()?,
        }
        Ok(Transaction { db: self, open: true })
    }

    /// Begins to read: until [`Db::end`], all is as it was at one moment.
    pub(in crate::store) fn begin_reading(&mut self) -> Result<()> {
        match &self.0 {
            Engine::Sqlite(connection) => Ok(connection.execute_batch("BEGIN")?),
            Engine::Postgres(connection) => connection.begin_reading(),
        }
    }

    /// Ends what was begun.
    pub(in crate::store) fn end(&self) -> Result<()> {
        match &self.0 {
            Engine::Sqlite(connection) => Ok(connection.execute_batch("COMMIT")?),
            Engine::Postgres(connection) => connection.commit(),
        }
    }

    /// Whether the database has given up the transaction that was open, by itself.
    pub(in crate::store) fn has_given_up(&self) -> bool {
        match &self.0 {
            Engine::Sqlite(connection) => connection.is_autocommit(),
            Engine::Postgres(connection) => connection.is_lost(),
        }
    }
}

impl Transaction<'_> {
    /// Makes it last.
    pub(in crate::store) fn commit(mut self) -> Result<()> {
        self.db.end()?;
        self.open = false;
        Ok(())
    }
}

impl Deref for Transaction<'_> {
    type Target = Db;

    fn deref(&self) -> &Db {
        self.db
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.open && !self.db.has_given_up() {
            // If even this fails, the connection is of no use any more, and the next statement says so.
            let _ = self.db.execute_batch("ROLLBACK");
        }
    }
}
