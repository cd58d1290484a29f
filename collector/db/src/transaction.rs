//! Transactions.

use super::{Db, Engine, Result};
use std::ops::Deref;

/// A transaction. It is rolled back on drop unless it has been committed.
#[derive(Debug)]
pub struct Transaction<'c> {
    db: &'c Db,
    open: bool,
}

impl Db {
    /// Begins a transaction that writes. No other writer writes until its end.
    pub fn transaction(&mut self) -> Result<Transaction<'_>> {
        match &self.0 {
            Engine::Sqlite(connection) => connection.execute_batch("BEGIN IMMEDIATE")?,
            Engine::Postgres(connection) => connection.begin_writing()?,
        }
        Ok(Transaction { db: self, open: true })
    }

    /// Begins a transaction that reads one snapshot until [`Db::end`].
    pub fn begin_reading(&mut self) -> Result<()> {
        match &self.0 {
            Engine::Sqlite(connection) => Ok(connection.execute_batch("BEGIN")?),
            Engine::Postgres(connection) => connection.begin_reading(),
        }
    }

    /// Ends the open transaction.
    pub fn end(&self) -> Result<()> {
        match &self.0 {
            Engine::Sqlite(connection) => Ok(connection.execute_batch("COMMIT")?),
            Engine::Postgres(connection) => connection.commit(),
        }
    }

    /// Returns whether the database itself has ended the open transaction.
    pub fn is_rolled_back(&self) -> bool {
        match &self.0 {
            Engine::Sqlite(connection) => connection.is_autocommit(),
            Engine::Postgres(connection) => connection.is_lost(),
        }
    }
}

impl Transaction<'_> {
    /// Commits the transaction.
    pub fn commit(mut self) -> Result<()> {
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
        if self.open && !self.db.is_rolled_back() {
            // If even this fails, the connection is unusable, and the next statement returns an error.
            let _ = self.db.execute_batch("ROLLBACK");
        }
    }
}
