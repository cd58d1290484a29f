//! One session, and the calls on it.

use super::error::fault;
use super::server::Server;
use super::sql::statement_form;
use super::value::Bound;
use crate::clock::Stopwatch;
use crate::store::StoreError;
use crate::store::db::{Error, Params, Result};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};

/// Silence after which it is asked whether the server is still there.
const SILENCE: Duration = Duration::from_millis(400);
/// Longest call of a writer: a group's rows on a slow disk.
const CALL: Duration = Duration::from_secs(20);
/// Statements kept by a session; a flood of different ones empties it.
const STATEMENTS: usize = 256;

/// What a writer is told: its statements all go by an index. A plan is kept by the session, and one that was made while a
/// table was small reads all of it, however large it has become.
const WRITER: &str = "SET enable_seqscan = off; SET jit = off";

/// A session.
pub(in crate::store::db) struct Connection {
    pub(super) client: Client,
    /// Drives the session while a call is waited for; `None` only while it is put away.
    runtime: Option<Runtime>,
    server: Server,
    statements: RefCell<HashMap<String, Statement>>,
    lost: Cell<bool>,
    /// A statement of the open transaction has failed: the server would take a commit for a rollback, and call it done.
    failed: Cell<bool>,
    longest: Cell<Duration>,
    /// When a query of many calls began, if that is bounded: the server bounds each call alone.
    begun: Cell<Option<Stopwatch>>,
    /// Days known to have a partition; see `days`.
    pub(super) days: RefCell<HashSet<String>>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.server)
    }
}

impl Connection {
    /// Opens a session.
    pub(in crate::store::db) fn open(server: &Server) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StoreError::from)?;
        let client = match runtime.block_on(server.connect()) {
            Ok(client) => client,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error.into());
            }
        };
        Ok(Self {
            client,
            runtime: Some(runtime),
            server: server.clone(),
            statements: RefCell::default(),
            lost: Cell::new(false),
            failed: Cell::new(false),
            longest: Cell::new(CALL),
            begun: Cell::new(None),
            days: RefCell::default(),
        })
    }

    /// Opens a session that may write.
    pub(in crate::store::db) fn open_writer(server: &Server) -> Result<Self> {
        let session = Self::open(server)?;
        session.execute_batch(WRITER)?;
        Ok(session)
    }

    /// From now on a query that is still running this long after gives up.
    pub(in crate::store::db) fn give_up_after(&self, time: Duration) -> Result<()> {
        self.begun.set(Some(Stopwatch::start()));
        if self.longest.replace(time) == time {
            return Ok(());
        }
        self.execute_batch(&format!("SET statement_timeout = {}", time.as_millis()))
    }

    /// Whether the session is of no use any more.
    pub(in crate::store::db) fn is_lost(&self) -> bool {
        self.lost.get() || self.client.is_closed()
    }

    /// Whether the server still answers on this session.
    pub(in crate::store::db) fn is_there(&self) -> bool {
        !self.is_lost() && self.execute_batch("").is_ok()
    }

    /// Runs statements that have no parameters and give no rows.
    pub(in crate::store::db) fn execute_batch(&self, sql: &str) -> Result<()> {
        if sql.starts_with("ROLLBACK") {
            self.days.borrow_mut().clear();
            self.failed.set(false);
        }
        self.call(self.client.batch_execute(sql))
    }

    /// Ends a transaction; it lasts then.
    pub(in crate::store::db) fn commit(&self) -> Result<()> {
        if self.failed.get() {
            return Err(Error::Store(StoreError::Other));
        }
        self.execute_batch("COMMIT")
    }

    /// Runs a statement; gives the number of rows it changed.
    pub(in crate::store::db) fn execute(&self, sql: &str, params: &impl Params) -> Result<usize> {
        let changed = self.run(sql, params, |statement, values| self.call(self.client.execute(statement, values)))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    /// The rows of a statement.
    pub(in crate::store::db) fn query(&self, sql: &str, params: &impl Params) -> Result<Vec<Row>> {
        self.run(sql, params, |statement, values| self.call(self.client.query(statement, values)))
    }

    fn run<T>(
        &self,
        sql: &str,
        params: &impl Params,
        work: impl FnOnce(&Statement, &[&(dyn ToSql + Sync)]) -> Result<T>,
    ) -> Result<T> {
        let mut values = Vec::new();
        params.each(&mut |value| {
            values.push(Bound(value));
            Ok(())
        })?;
        let statement = self.statement(sql, &values)?;
        if statement.params().len() != values.len() {
            return Err(Error::Store(StoreError::Other));
        }
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        work(&statement, &values)
    }

    /// Types come from the values: left to itself, the server takes `?1 + 1` for 32 bits.
    pub(super) fn statement(&self, sql: &str, values: &[Bound<'_>]) -> Result<Statement> {
        let types: Vec<Type> = values.iter().map(Bound::own_type).collect();
        self.typed_statement(sql, &types)
    }

    pub(super) fn typed_statement(&self, sql: &str, types: &[Type]) -> Result<Statement> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let statement = self.call(self.client.prepare_typed(&statement_form(sql), types))?;
        let mut statements = self.statements.borrow_mut();
        if statements.len() >= STATEMENTS {
            statements.clear();
        }
        statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Waits for a call, but not for a server that is gone.
    pub(super) fn call<T>(&self, work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T> {
        let Some(runtime) = self.runtime.as_ref().filter(|_| !self.lost.get()) else {
            return Err(Error::Store(StoreError::Unreachable));
        };
        if self.begun.get().is_some_and(|begun| begun.elapsed() > self.longest.get()) {
            return Err(Error::Store(StoreError::Slow));
        }
        let outcome = runtime.block_on(self.patient(work));
        self.failed.set(self.failed.get() || outcome.is_err());
        // A server that only follows another now: the one that writes is looked for anew.
        self.lost.set(self.is_lost() || matches!(outcome, Err(StoreError::ReadOnly)));
        Ok(outcome?)
    }

    async fn patient<T>(&self, work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, StoreError> {
        let mut work = pin!(work);
        let told = |outcome: Result<T, tokio_postgres::Error>| outcome.map_err(|error| fault(&error));
        if let Ok(outcome) = tokio::time::timeout(SILENCE, &mut work).await {
            return told(outcome);
        }
        if self.server.answers().await
            && let Ok(outcome) = tokio::time::timeout(self.longest.get(), work).await
        {
            return told(outcome);
        }
        self.lost.set(true);
        self.server.note(false);
        Err(StoreError::Unreachable)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The usual way would wait, and must not where the last handle happens to be dropped.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
