//! One session and its calls.

use super::error::store_error;
use super::server::Server;
use super::sql::statement_form;
use super::value::Bound;
use crate::store_error::StoreError;
use crate::{Error, Params, Result};
use headgate_collector_types::clock::Stopwatch;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, Statement};

/// Silence after which a second connection checks that the server still answers.
const SILENCE: Duration = Duration::from_millis(400);
/// Longest call of a writer: the rows of a write batch on a slow disk.
const CALL: Duration = Duration::from_secs(20);
/// Prepared statements that a session caches. When there are more, the cache is emptied.
const STATEMENTS: usize = 256;

/// Settings of a writer. All its statements use an index. The session caches plans, and a plan that was made for a small table
/// would still read all of the table when it has become large.
const WRITER: &str = "SET enable_seqscan = off; SET jit = off";

/// A session on the server.
pub(crate) struct Connection {
    pub(super) client: Client,
    /// Runs the session during a call; `None` only during drop.
    runtime: Option<Runtime>,
    server: Server,
    statements: RefCell<HashMap<String, Statement>>,
    lost: Cell<bool>,
    /// A statement of the open transaction has failed. The server would roll back on commit and report success.
    failed: Cell<bool>,
    longest: Cell<Duration>,
    /// Begin of a bounded query of several calls, because the server bounds only each call.
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
    pub(crate) fn open(server: &Server) -> Result<Self> {
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
    pub(crate) fn open_writer(server: &Server) -> Result<Self> {
        let session = Self::open(server)?;
        session.execute_batch(WRITER)?;
        Ok(session)
    }

    /// Interrupts queries that still run after this time from now on.
    pub(crate) fn set_query_timeout(&self, time: Duration) -> Result<()> {
        self.begun.set(Some(Stopwatch::start()));
        if self.longest.replace(time) == time {
            return Ok(());
        }
        self.execute_batch(&format!("SET statement_timeout = {}", time.as_millis()))
    }

    /// Returns whether the session has become unusable.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.get() || self.client.is_closed()
    }

    /// Returns whether the server still answers on this session.
    pub(crate) fn is_connected(&self) -> bool {
        !self.is_lost() && self.execute_batch("").is_ok()
    }

    /// Runs statements without parameters and rows.
    pub(crate) fn execute_batch(&self, sql: &str) -> Result<()> {
        if sql.starts_with("ROLLBACK") {
            self.days.borrow_mut().clear();
            self.failed.set(false);
        }
        self.call(self.client.batch_execute(sql))
    }

    /// Commits the open transaction.
    pub(crate) fn commit(&self) -> Result<()> {
        if self.failed.get() {
            return Err(Error::Store(StoreError::Other));
        }
        self.execute_batch("COMMIT")
    }

    /// Runs a statement; returns the number of changed rows.
    pub(crate) fn execute(&self, sql: &str, params: &impl Params) -> Result<usize> {
        let changed = self.run(sql, params, |statement, values| self.call(self.client.execute(statement, values)))?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    /// Runs a statement; returns its rows.
    pub(crate) fn query(&self, sql: &str, params: &impl Params) -> Result<Vec<Row>> {
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

    /// Prepares a statement with the types of its values. Otherwise the server would take `?1 + 1` as 32 bits.
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

    /// Runs a call, but does not wait for a server that no longer answers.
    pub(super) fn call<T>(&self, work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T> {
        let Some(runtime) = self.runtime.as_ref().filter(|_| !self.lost.get()) else {
            return Err(Error::Store(StoreError::Unreachable));
        };
        if self.begun.get().is_some_and(|begun| begun.elapsed() > self.longest.get()) {
            return Err(Error::Store(StoreError::Slow));
        }
        let outcome = runtime.block_on(self.with_liveness_check(work));
        self.failed.set(self.failed.get() || outcome.is_err());
        // The server has become a replica: the next session looks for the one that writes.
        self.lost.set(self.is_lost() || matches!(outcome, Err(StoreError::ReadOnly)));
        Ok(outcome?)
    }

    async fn with_liveness_check<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        let mut work = pin!(work);
        let converted = |outcome: Result<T, tokio_postgres::Error>| outcome.map_err(|error| store_error(&error));
        if let Ok(outcome) = tokio::time::timeout(SILENCE, &mut work).await {
            return converted(outcome);
        }
        if self.server.answers().await
            && let Ok(outcome) = tokio::time::timeout(self.longest.get(), work).await
        {
            return converted(outcome);
        }
        self.lost.set(true);
        self.server.note(false);
        Err(StoreError::Unreachable)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Dropping the runtime would block, and the last handle may be dropped where blocking is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
