//! How long a request waits for its commit.
//!
//! A disk that fails says so; one that hangs says nothing, and a request that waits for it would wait for ever.

use super::App;
use super::error::ApiError;
use crate::store::{Db, StoreError};
use std::future::Future;
use std::time::Duration;

/// Longest wait for a commit. What is given up on may be stored all the same.
const COMMIT_TIME: Duration = Duration::from_secs(8);

impl App {
    /// Does `work` in the writer's next transaction; `what` names it to who waits.
    pub(super) async fn commit<T, F>(&self, what: &str, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    {
        in_time(COMMIT_TIME, what, self.writes.transact(work)).await
    }
}

/// Waits for a commit of a batch or report.
pub(super) async fn committed<T>(
    what: &str,
    commit: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, ApiError> {
    in_time(COMMIT_TIME, what, commit).await
}

/// Waits for a commit, but no longer than this.
pub(super) async fn in_time<T>(
    time: Duration,
    what: &str,
    commit: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, ApiError> {
    match tokio::time::timeout(time, commit).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(ApiError::unavailable(
            "store_slow",
            format!("The disk did not confirm {what} in time. Send it again; it may be stored all the same."),
        )),
    }
}
