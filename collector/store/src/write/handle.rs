//! The queue of the writer, and the way of the outcomes back to the callers.

use super::metrics::WriteMetrics;
use super::task::{ClosureTask, Task};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_types::clock;
use headgate_collector_types::validate::CheckedBatch;
use headgate_record::Acknowledgement;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use tokio::sync::oneshot;

/// The most batches that may wait for the writer.
const QUEUE_LENGTH: usize = 256;

/// A value that is held until the job is done, such as its share of the memory for request bodies.
pub type MemoryPermit = Box<dyn Send>;

pub(super) type Outcome = Result<Acknowledgement, StoreError>;

/// A job, with the channel to the waiting caller.
pub(super) enum Job {
    Batch { batch: CheckedBatch, reply: oneshot::Sender<Outcome>, _permit: MemoryPermit },
    Task(Box<dyn Task>),
}

impl Job {
    /// Returns the size of the job as a part of a write batch.
    pub(super) fn records(&self) -> usize {
        match self {
            Self::Batch { batch, .. } => batch.records.len(),
            Self::Task(_) => 1,
        }
    }
}

/// Returns a handle to the writer, and the receiving end of its queue.
pub(super) fn queue(metrics: WriteMetrics) -> (WriteHandle, Receiver<Job>) {
    let (jobs, receiver) = sync_channel(QUEUE_LENGTH);
    (WriteHandle { jobs, metrics }, receiver)
}

/// Queues jobs for the writer.
#[derive(Debug, Clone)]
pub struct WriteHandle {
    jobs: SyncSender<Job>,
    metrics: WriteMetrics,
}

impl WriteHandle {
    /// Stores a batch and returns once it is on disk. `permit` is dropped with the batch.
    ///
    /// # Errors
    /// The queue is full, or the disk fails. Nothing is acknowledged then, and the batch may come again.
    pub async fn store(&self, batch: CheckedBatch, permit: MemoryPermit) -> Outcome {
        let (reply, outcome) = oneshot::channel();
        self.submit(Job::Batch { batch, reply, _permit: permit })?;
        outcome.await.unwrap_or(Err(StoreError::Other))
    }

    /// Runs `work` in the writer's next transaction and returns its result once that is on disk. If `work` fails, only
    /// its own writes are undone.
    ///
    /// # Errors
    /// As for [`WriteHandle::store`], and those of `work`.
    pub async fn transact<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        self.submit(Job::Task(ClosureTask::boxed(work, reply)))?;
        outcome.await.unwrap_or(Err(StoreError::Other))
    }

    /// Informs the writer that the database's structure is damaged. The writer marks it for the next start.
    pub(crate) async fn mark_damaged(&self) {
        // The writer marks the database when a task fails with damage.
        let _ = self.transact(|_| Err::<(), _>(StoreError::Damaged)).await;
    }

    /// Commits a write that changes no log.
    ///
    /// # Errors
    /// As for [`WriteHandle::store`].
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.transact(|tx| {
            tx.prepare_cached("UPDATE probe SET at = ?1")?.execute([clock::now_us()])?;
            Ok(())
        })
        .await
    }

    /// Returns the writer's metrics.
    pub(crate) const fn metrics(&self) -> &WriteMetrics {
        &self.metrics
    }

    fn submit(&self, job: Job) -> Result<(), StoreError> {
        self.metrics.queue.inc();
        self.jobs.try_send(job).map_err(|refused| {
            self.metrics.queue.dec();
            match refused {
                TrySendError::Full(_) => StoreError::Queue,
                TrySendError::Disconnected(_) => StoreError::Other,
            }
        })
    }
}
