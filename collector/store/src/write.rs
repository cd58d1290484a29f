//! The writer: one thread, one connection, and one transaction for all queued jobs.
//!
//! A commit waits for the disk however much it contains, so the writer takes all batches that queued up during the last
//! commit and stores them together. Each sender gets its answer after the commit. If anything fails, the transaction is
//! rolled back and every sender in it must repeat its batch. Nothing was acknowledged, and records that come twice are
//! recognised by (node, boot, seq).

mod handle;
mod metrics;
mod task;
mod write_batch;

pub use handle::{MemoryPermit, WriteHandle};
pub use metrics::WriteMetrics;

use super::Location;
use super::file::DatabaseFile;
use super::high_water_mark::Progress;
use handle::{Job, Outcome};
use headgate_collector_columns::dictionary::DictionaryCache;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_types::clock::{self, Stopwatch};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use task::run_in_savepoint;
use write_batch::WriteBatch;

/// The number of records at which a write batch is committed although more jobs wait, so that no sender waits long.
const MAX_BATCH_RECORDS: usize = 20_000;

/// The running writer.
#[derive(Debug)]
pub struct WriterThread(JoinHandle<()>);

impl WriterThread {
    /// Waits until every handle is gone and the last write batch is committed.
    pub fn join(self) {
        // A writer that panicked leaves nothing to wait for.
        let _ = self.0.join();
    }
}

/// Starts the writer on its connection, and with the location for further connections.
pub(super) fn start(
    db: Db,
    location: Location,
    file: Option<DatabaseFile>,
    metrics: WriteMetrics,
) -> Result<(WriteHandle, WriterThread), StoreError> {
    metrics.dropped.set(write_batch::total_dropped(&db)?);
    metrics.damage.show(&db)?;
    let (handle, queue) = handle::queue(metrics.clone());
    let writer =
        Writer { file, location, db: Some(db), queue, dictionary: DictionaryCache::default(), metrics, failing: None };
    let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || writer.run())?;
    Ok((handle, WriterThread(thread)))
}

struct Writer {
    location: Location,
    /// The connection; `None` after it was lost.
    db: Option<Db>,
    file: Option<DatabaseFile>,
    queue: Receiver<Job>,
    dictionary: DictionaryCache,
    metrics: WriteMetrics,
    failing: Option<StoreError>,
}

impl Writer {
    fn run(mut self) {
        while let Ok(first) = self.queue.recv() {
            let mut jobs = self.gather(first);
            let watch = Stopwatch::start();
            let outcome = self.commit(&mut jobs);
            self.metrics.commit_seconds.observe(watch.elapsed().as_secs_f64());
            self.log_failure(outcome.as_ref().err().copied());
            reply(jobs, outcome, &self.metrics);
        }
        // All data is on disk. If this fails, the next start does it.
        let _ = self.db.map(|db| db.finish());
    }

    fn gather(&self, first: Job) -> Vec<Job> {
        let mut records = first.records();
        let mut jobs = vec![first];
        while records < MAX_BATCH_RECORDS
            && let Ok(next) = self.queue.try_recv()
        {
            records = records.saturating_add(next.records());
            jobs.push(next);
        }
        self.metrics.queue.dec_by(i64::try_from(jobs.len()).unwrap_or(0));
        jobs
    }

    fn commit(&mut self, jobs: &mut [Job]) -> Result<Vec<Outcome>, StoreError> {
        self.file.as_ref().map_or(Ok(()), DatabaseFile::check_in_place)?;
        let mut db = self.connection()?;
        let stored = self.transact(&mut db, jobs);
        self.db = Some(db).filter(|db| !db.is_lost());
        if let Err(error) = &stored {
            self.dictionary.clear();
            if *error == StoreError::Damaged {
                self.mark_damaged();
            }
        }
        let (outcomes, dropped) = stored?;
        self.metrics.dropped.inc_by(dropped);
        Ok(outcomes)
    }

    /// Returns the connection. One that broke while idle is replaced, so that a restart of the server costs no batch.
    fn connection(&mut self) -> Result<Db, StoreError> {
        match self.db.take().filter(Db::is_connected) {
            Some(db) => Ok(db),
            None => self.location.writer(),
        }
    }

    /// Runs the jobs in one transaction. Returns the outcomes of the batches in their order, and the growth of the
    /// senders' drop counts.
    fn transact(&mut self, db: &mut Db, jobs: &mut [Job]) -> Result<(Vec<Outcome>, i64), StoreError> {
        let transaction = db.transaction()?;
        let mut write_batch = WriteBatch::begin(&transaction, &mut self.dictionary, clock::now_us())?;
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in &*jobs {
            if let Job::Batch { batch, .. } = job {
                outcomes.push(write_batch.add(batch)?);
            }
        }
        let dropped = write_batch.finish()?;
        for job in jobs {
            if let Job::Task(task) = job
                && run_in_savepoint(&transaction, task.as_mut())? == Some(StoreError::Damaged)
            {
                self.mark_damaged();
            }
        }
        let progress = self.file.as_ref().map(|_| Progress::advance(&transaction)).transpose()?;
        transaction.commit()?;
        if let (Some(file), Some(progress)) = (&self.file, progress) {
            file.write_high_water_mark(progress);
        }
        Ok((outcomes, dropped))
    }

    /// Marks a file as damaged, so that the next start repairs it. A server repairs its own files.
    fn mark_damaged(&self) {
        if let Some(file) = &self.file {
            file.mark_damaged();
        }
    }

    /// Informs the operator once when writing begins to fail, and once when it works again.
    fn log_failure(&mut self, failed: Option<StoreError>) {
        match (self.failing, failed) {
            (None, Some(error)) => {
                tracing::warn!("the store cannot be written: {error}; batches are answered with 503 until it can")
            }
            (Some(_), None) => tracing::info!("the store can be written again"),
            _ => {}
        }
        self.failing = failed;
    }
}

fn reply(jobs: Vec<Job>, outcome: Result<Vec<Outcome>, StoreError>, metrics: &WriteMetrics) {
    let committed = outcome.as_ref().map(|_| ()).map_err(|error| *error);
    let mut outcomes = outcome.unwrap_or_default().into_iter();
    for job in jobs {
        match job {
            Job::Task(task) => task.reply(committed),
            Job::Batch { reply, .. } => {
                let acknowledgement = committed.and_then(|()| outcomes.next().unwrap_or(Err(StoreError::Other)));
                if let Ok(acknowledgement) = &acknowledgement {
                    metrics.count(acknowledgement);
                }
                // The caller may be gone by now. Stored records stay stored.
                let _ = reply.send(acknowledgement);
            }
        }
    }
}
