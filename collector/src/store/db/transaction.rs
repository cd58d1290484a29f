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
        }
        Ok(Transaction { db: self, open: true })
    }

    /// Begins to read: all is as it was at one moment.
    pub(in crate::store) fn snapshot(&mut self) -> Result<Transaction<'_>> {
        match &self.0 {
            Engine::Sqlite(connection) => connection.execute_batch("BEGIN")?,
        }
        Ok(Transaction { db: self, open: true })
    }

    /// Whether the database has given up the transaction that was open, by itself.
    pub(in crate::store) fn has_given_up(&self) -> bool {
        match &self.0 {
            Engine::Sqlite(connection) => connection.is_autocommit(),
        }
    }
}

impl Transaction<'_> {
    /// Makes it last.
    pub(in crate::store) fn commit(mut self) -> Result<()> {
        self.execute_batch("COMMIT")?;
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
