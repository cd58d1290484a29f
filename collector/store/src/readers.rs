//! Reading connections: a small pool, with one query at a time on each connection and a time limit for each query.
//!
//! The lookup of a token has its own connection, so that heavy searches never delay ingest.

use super::Location;
use headgate_collector_db::{Db, StoreError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The most concurrent queries.
const MAX_QUERIES: usize = 4;
/// The longest wait for a connection.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// The longest time of one query.
const MAX_QUERY_TIME: Duration = Duration::from_secs(10);

/// A small pool of reading connections, which are opened on first use.
#[derive(Debug, Clone)]
pub struct Readers {
    queries: Arc<Pool>,
    auth: Arc<Pool>,
}

#[derive(Debug)]
struct Pool {
    location: Location,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Db>>,
}

impl Readers {
    /// Returns the readers of an existing store.
    #[must_use]
    pub fn new(location: &Location) -> Self {
        let pool = |permits| {
            Arc::new(Pool {
                location: location.clone(),
                permits: Arc::new(Semaphore::new(permits)),
                idle: Mutex::new(Vec::new()),
            })
        };
        Self { queries: pool(MAX_QUERIES), auth: pool(1) }
    }

    /// Returns the number of queries that run now.
    #[must_use]
    pub fn busy(&self) -> usize {
        MAX_QUERIES.saturating_sub(self.queries.permits.available_permits())
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

    /// Runs a query as [`Readers::query`] does, on the connection for the lookup of tokens.
    ///
    /// # Errors
    /// As for [`Readers::query`].
    pub async fn auth_query<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    {
        run(Arc::clone(&self.auth), work).await
    }
}

async fn run<T, F>(pool: Arc<Pool>, work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
{
    let permit = tokio::time::timeout(MAX_WAIT, Arc::clone(&pool.permits).acquire_owned()).await;
    let Ok(Ok(permit)) = permit else {
        return Err(StoreError::Slow);
    };
    let work = move || {
        // A caller that goes away leaves its query running, which counts until it ends.
        let _permit = permit;
        pool.work(work)
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Other))
}

impl Pool {
    fn work<T>(&self, work: impl FnOnce(&Db) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let db = self.begin()?;
        let result = work(&db);
        let result = result.and_then(|done| Ok(db.end().map(|()| done)?));
        // A connection that failed is closed. A new one may see the current state.
        if result.is_ok() {
            self.idle().push(db);
        }
        result
    }

    /// Returns a connection that is ready for a query. If an idle one broke in the meantime, all idle ones are dropped.
    fn begin(&self) -> Result<Db, StoreError> {
        let idle = self.idle().pop();
        if let Some(mut db) = idle {
            match prepare(&mut db) {
                Ok(()) => return Ok(db),
                Err(error) if !db.is_lost() => return Err(error),
                Err(_) => self.idle().clear(),
            }
        }
        let mut db = self.location.reader()?;
        prepare(&mut db)?;
        Ok(db)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Db>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens one snapshot for the whole query, so that its first and last reads are consistent.
fn prepare(db: &mut Db) -> Result<(), StoreError> {
    db.set_query_timeout(MAX_QUERY_TIME)?;
    Ok(db.begin_reading()?)
}
