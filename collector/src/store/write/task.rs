//! A further kind of write: any work that needs the writing connection, in the group's transaction.
//!
//! Each task runs inside a savepoint, so one that fails undoes itself alone and the others in the group are committed.

use super::super::db::Db;
use super::StoreError;
use tokio::sync::oneshot;

/// What the writer knows of a task.
pub(super) trait Task: Send {
    /// Does the work; an error undoes it.
    fn run(&mut self, tx: &Db) -> Result<(), StoreError>;
    /// Tells who waits: what came of the work, if its transaction is on disk.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A closure, what came of it, and who waits for that.
pub(super) struct Typed<T, F> {
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Typed<T, F>
where
    T: Send + 'static,
    F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
{
    pub(super) fn boxed(work: F, reply: oneshot::Sender<Result<T, StoreError>>) -> Box<dyn Task> {
        Box::new(Self { work: Some(work), outcome: None, reply })
    }
}

impl<T, F> Task for Typed<T, F>
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

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { outcome, reply, .. } = *self;
        let outcome = committed.and_then(|()| outcome.unwrap_or(Err(StoreError::Other)));
        // Whoever asked may be gone by now; what was written stays written.
        let _ = reply.send(outcome);
    }
}

/// Runs a task in a savepoint; gives what undid it, if something did. The outer error means that the group's transaction itself
/// is gone.
pub(super) fn run_in_savepoint(tx: &Db, task: &mut dyn Task) -> Result<Option<StoreError>, StoreError> {
    tx.execute_batch("SAVEPOINT task")?;
    let Err(error) = task.run(tx) else {
        tx.execute_batch("RELEASE task")?;
        return Ok(None);
    };
    // SQLite gives the whole transaction up by itself after some errors, such as a full disk.
    if tx.has_given_up() {
        return Err(error);
    }
    tx.execute_batch("ROLLBACK TO task; RELEASE task")?;
    Ok(Some(error))
}
