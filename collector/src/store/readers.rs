//! Reading connections: a few, each used by one query at a time, each query bounded in time.
//!
//! Looking up a token has a connection of its own, so that heavy searches never hold ingest up at the door.

use super::db::Db;
use super::{Location, StoreError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Queries that may run side by side.
const QUERIES: usize = 4;
/// Longest wait for a connection.
const WAIT: Duration = Duration::from_secs(2);
/// Longest run of one query.
const RUN: Duration = Duration::from_secs(10);

/// A small pool of reading connections, opened when first needed.
#[derive(Debug, Clone)]
pub struct Readers {
    queries: Arc<Pool>,
    door: Arc<Pool>,
}

#[derive(Debug)]
struct Pool {
    location: Location,
    turns: Semaphore,
    idle: Mutex<Vec<Db>>,
}

impl Readers {
    /// Readers of a store that exists.
    #[must_use]
    pub fn new(location: &Location) -> Self {
        let pool = |turns| {
            Arc::new(Pool { location: location.clone(), turns: Semaphore::new(turns), idle: Mutex::new(Vec::new()) })
        };
        Self { queries: pool(QUERIES), door: pool(1) }
    }

    /// Queries that run now.
    #[must_use]
    pub fn busy(&self) -> usize {
        QUERIES.saturating_sub(self.queries.turns.available_permits())
    }

    /// Runs a query on a thread that may block.
    ///
    /// # Errors
    /// No connection became free in time, the query took too long, or the store cannot be read.
    pub async fn query<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    {
        run(Arc::clone(&self.queries), work).await
    }

    /// As [`Readers::query`], for the look-up of a token.
    ///
    /// # Errors
    /// As for [`Readers::query`].
    pub async fn at_the_door<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    {
        run(Arc::clone(&self.door), work).await
    }
}

async fn run<T, F>(pool: Arc<Pool>, work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
{
    let lent = Arc::clone(&pool);
    let turn = tokio::time::timeout(WAIT, lent.turns.acquire()).await;
    let Ok(Ok(_turn)) = turn else {
        return Err(StoreError::Slow);
    };
    tokio::task::spawn_blocking(move || pool.work(work)).await.unwrap_or(Err(StoreError::Other))
}

impl Pool {
    fn work<T>(&self, work: impl FnOnce(&Db) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let db = self.begin()?;
        let result = work(&db);
        let result = result.and_then(|done| Ok(db.end().map(|()| done)?));
        // A connection that has failed is closed: a fresh one may see what is there now.
        if result.is_ok() {
            self.idle().push(db);
        }
        result
    }

    /// A connection on which a query may run. One that was idle may have broken meanwhile; then so have the others.
    fn begin(&self) -> Result<Db, StoreError> {
        let idle = self.idle().pop();
        if let Some(mut db) = idle {
            match prepared(&mut db) {
                Ok(()) => return Ok(db),
                Err(error) if !db.is_lost() => return Err(error),
                Err(_) => self.idle().clear(),
            }
        }
        let mut db = self.location.reader()?;
        prepared(&mut db)?;
        Ok(db)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Db>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One snapshot for the whole query: what it reads first must fit what it reads last.
fn prepared(db: &mut Db) -> Result<(), StoreError> {
    db.give_up_after(RUN)?;
    Ok(db.begin_reading()?)
}
