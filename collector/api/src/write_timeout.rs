//! Time limits on the wait of a request for its commit.
//!
//! A disk that fails returns an error. A disk that hangs returns nothing, and without a limit its requests would wait forever.

use super::error::ApiError;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::WriteHandle;
use std::future::Future;
use std::time::Duration;

/// Maximum wait for a commit. Data whose commit was given up may be stored all the same.
const COMMIT_TIME: Duration = Duration::from_secs(8);

/// Does `work` in the writer's next transaction; `subject` names it in an error.
pub(super) async fn commit<T, F>(writes: &WriteHandle, subject: &str, work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
{
    in_time(COMMIT_TIME, subject, writes.transact(work)).await
}

/// Waits for the commit of a batch or report.
pub(super) async fn committed<T>(
    subject: &str,
    commit: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, ApiError> {
    in_time(COMMIT_TIME, subject, commit).await
}

/// Waits for a commit, up to this limit.
pub(super) async fn in_time<T>(
    time: Duration,
    subject: &str,
    commit: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, ApiError> {
    match tokio::time::timeout(time, commit).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(ApiError::unavailable(
            "store_slow",
            format!("The disk did not confirm {subject} in time. Send it again; it may be stored all the same."),
        )),
    }
}
