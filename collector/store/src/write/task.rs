//! Tasks: work of any other kind that needs the writing connection, in the transaction of a write batch.
//!
//! Each task runs in a savepoint. A task that fails undoes its own writes alone, and the other jobs are committed.

use headgate_collector_db::{Db, StoreError};
use tokio::sync::oneshot;

/// A task, as the writer runs it.
pub(super) trait Task: Send {
    /// Does the work. An error undoes it.
    fn run(&mut self, tx: &Db) -> Result<(), StoreError>;
    /// Sends the outcome of the work to the waiting caller, if the transaction is on disk.
    fn reply(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A closure, its outcome, and the channel to the waiting caller.
pub(super) struct ClosureTask<T, F> {
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> ClosureTask<T, F>
where
    T: Send + 'static,
    F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
{
    pub(super) fn boxed(work: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Box<dyn Task> {
        Box::new(Self { work: Some(work), outcome: None, reply })
    }
}

impl<T, F> Task for ClosureTask<T, F>
where
    T: Send,
    F: FnOnce(&Db) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, tx: &Db) -> Result<(), StoreError> {
        let Some(work) = self.work.take() else {
            return Err(StoreError::Other);
        };
        let outcome = work(tx);
        let failed = outcome.as_ref().err().copied();
        self.outcome = Some(outcome);
        failed.map_or(Ok(()), Err)
    }

    fn reply(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { outcome, reply, .. } = *self;
        let outcome = committed.and_then(|()| outcome.unwrap_or(Err(StoreError::Other)));
        // The caller may be gone by now. Committed writes stay.
        let _ = reply.send(outcome);
    }
}

/// Runs a task in a savepoint and returns the error that undid it, if any. The outer error means that the whole
/// transaction is lost.
pub(super) fn run_in_savepoint(tx: &Db, task: &mut dyn Task) -> Result<Option<StoreError>, StoreError> {
    tx.execute_batch("SAVEPOINT task")?;
    let Err(error) = task.run(tx) else {
        tx.execute_batch("RELEASE task")?;
        return Ok(None);
    };
    // After some errors, such as a full disk, SQLite gives up the whole transaction by itself.
    if tx.is_rolled_back() {
        return Err(error);
    }
    tx.execute_batch("ROLLBACK TO task; RELEASE task")?;
    Ok(Some(error))
}
