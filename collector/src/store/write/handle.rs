//! How work gets to the writer, and how what came of it gets back.

use super::super::StoreError;
use super::super::db::Db;
use super::metrics::WriteMetrics;
use super::task::{Task, Typed};
use crate::clock;
use crate::validate::CheckedBatch;
use headgate_record::Acknowledgement;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use tokio::sync::oneshot;

/// Batches that may wait for the writer.
const QUEUE: usize = 256;

/// Something held until the job is done, such as its share of the memory for request bodies.
pub type Held = Box<dyn Send>;

pub(super) type Outcome = Result<Acknowledgement, StoreError>;

/// A piece of work, and who waits for it.
pub(super) enum Job {
    Batch { batch: CheckedBatch, reply: oneshot::Sender<Outcome>, _held: Held },
    Task(Box<dyn Task>),
}

impl Job {
    /// How much of a group it is.
    pub(super) fn records(&self) -> usize {
        match self {
            Self::Batch { batch, .. } => batch.records.len(),
            Self::Task(_) => 1,
        }
    }
}

/// A way to the writer, and its other end.
pub(super) fn queue(metrics: WriteMetrics) -> (WriteHandle, Receiver<Job>) {
    let (jobs, waiting) = sync_channel(QUEUE);
    (WriteHandle { jobs, metrics }, waiting)
}

/// Gives work to the writer.
#[derive(Debug, Clone)]
pub struct WriteHandle {
    jobs: SyncSender<Job>,
    metrics: WriteMetrics,
}

impl WriteHandle {
    /// Stores a batch; returns once it is on disk. `held` is dropped with the batch.
    ///
    /// # Errors
    /// The queue is full or the disk does not take it. Nothing is promised then; the batch may come again.
    pub async fn store(&self, batch: CheckedBatch, held: Held) -> Outcome {
        let (reply, outcome) = oneshot::channel();
        self.submit(Job::Batch { batch, reply, _held: held })?;
        outcome.await.unwrap_or(Err(StoreError::Other))
    }

    /// Does `work` inside the writer's next transaction; returns what it gave once that is on disk. If `work` fails, what
    /// it wrote is undone and nothing else.
    ///
    /// # Errors
    /// As for [`WriteHandle::store`], and those of `work`.
    pub async fn transact<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        self.submit(Job::Task(Typed::boxed(work, reply)))?;
        outcome.await.unwrap_or(Err(StoreError::Other))
    }

    /// Tells the writer that the database's structure was found to be damaged; it notes that for the next start.
    pub(in crate::store) async fn mark_damaged(&self) {
        // A task that meets damage is what the writer notes it by.
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

    /// What the writer counts.
    pub(in crate::store) const fn metrics(&self) -> &WriteMetrics {
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
