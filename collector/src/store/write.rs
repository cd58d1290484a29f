//! The writer: one thread, one connection, one transaction for all that is waiting.
//!
//! A commit costs a wait for the disk however much is in it, so the writer takes every batch that queued up during the
//! last commit and stores them together. Each sender hears of its batch after the commit. If anything fails, the
//! transaction is rolled back and every sender in it is told to come again: nothing was promised, and a batch that comes
//! twice is folded by (node, boot, seq).

mod group;
mod handle;
mod metrics;
mod task;

pub use handle::{Held, WriteHandle};
pub use metrics::WriteMetrics;

use super::db::Db;
use super::file::DatabaseFile;
use super::names::Names;
use super::witness::Progress;
use super::{Location, StoreError};
use crate::clock::{self, Stopwatch};
use crate::journal;
use group::Group;
use handle::{Job, Outcome};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use task::run_in_savepoint;

/// Records after which a group is committed although more are waiting, so that no sender waits long.
const GROUP_RECORDS: usize = 20_000;

/// The running writer.
#[derive(Debug)]
pub struct WriterThread(JoinHandle<()>);

impl WriterThread {
    /// Waits until every handle is gone and the last group is committed.
    pub fn join(self) {
        // A writer that panicked has nothing left to wait for.
        let _ = self.0.join();
    }
}

/// Starts the writer on its connection, with the way to another one.
pub(super) fn start(
    db: Db,
    location: Location,
    file: Option<DatabaseFile>,
    metrics: WriteMetrics,
) -> Result<(WriteHandle, WriterThread), StoreError> {
    metrics.dropped.set(group::dropped_in_all(&db)?);
    metrics.damage.show(&db)?;
    let (handle, waiting) = handle::queue(metrics.clone());
    let writer = Writer { file, location, db: Some(db), waiting, names: Names::default(), metrics, failing: None };
    let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || writer.run())?;
    Ok((handle, WriterThread(thread)))
}

struct Writer {
    location: Location,
    /// `None` after the connection was lost.
    db: Option<Db>,
    file: Option<DatabaseFile>,
    waiting: Receiver<Job>,
    names: Names,
    metrics: WriteMetrics,
    failing: Option<StoreError>,
}

impl Writer {
    fn run(mut self) {
        while let Ok(first) = self.waiting.recv() {
            let mut jobs = self.gather(first);
            let watch = Stopwatch::start();
            let outcome = self.commit(&mut jobs);
            self.metrics.commit_seconds.observe(watch.elapsed().as_secs_f64());
            self.note(outcome.as_ref().err().copied());
            answer(jobs, outcome, &self.metrics);
        }
        // Everything is on disk; what fails here is done by the next start.
        let _ = self.db.map(|db| db.finish());
    }

    fn gather(&self, first: Job) -> Vec<Job> {
        let mut records = first.records();
        let mut jobs = vec![first];
        while records < GROUP_RECORDS
            && let Ok(next) = self.waiting.try_recv()
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
            self.names.forget();
            if *error == StoreError::Damaged {
                self.mark_damaged();
            }
        }
        let (outcomes, dropped) = stored?;
        self.metrics.dropped.inc_by(dropped);
        Ok(outcomes)
    }

    /// The connection. One that broke while it was idle is made anew, so that a server's restart costs no batch.
    fn connection(&mut self) -> Result<Db, StoreError> {
        match self.db.take().filter(Db::is_there) {
            Some(db) => Ok(db),
            None => self.location.writer(),
        }
    }

    /// What became of the batches, in their order, and by how much the senders' drop counts grew.
    fn transact(&mut self, db: &mut Db, jobs: &mut [Job]) -> Result<(Vec<Outcome>, i64), StoreError> {
        let transaction = db.transaction()?;
        let mut group = Group::begin(&transaction, &mut self.names, clock::now_us())?;
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in &*jobs {
            if let Job::Batch { batch, .. } = job {
                outcomes.push(group.add(batch)?);
            }
        }
        let dropped = group.finish()?;
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
            file.tell(progress);
        }
        Ok((outcomes, dropped))
    }

    /// Damage to a file is for the next start to mend; a server looks after its own.
    fn mark_damaged(&self) {
        if let Some(file) = &self.file {
            file.mark_damaged();
        }
    }

    /// Tells the operator when writing begins to fail and when it works again, once each.
    fn note(&mut self, failed: Option<StoreError>) {
        match (self.failing, failed) {
            (None, Some(error)) => journal::line(&format!(
                "the store cannot be written: {error}; batches are answered with 503 until it can"
            )),
            (Some(_), None) => journal::line("the store can be written again"),
            _ => {}
        }
        self.failing = failed;
    }
}

fn answer(jobs: Vec<Job>, outcome: Result<Vec<Outcome>, StoreError>, metrics: &WriteMetrics) {
    let committed = outcome.as_ref().map(|_| ()).map_err(|error| *error);
    let mut outcomes = outcome.unwrap_or_default().into_iter();
    for job in jobs {
        match job {
            Job::Task(task) => task.answer(committed),
            Job::Batch { reply, .. } => {
                let acknowledgement = committed.and_then(|()| outcomes.next().unwrap_or(Err(StoreError::Other)));
                if let Ok(acknowledgement) = &acknowledgement {
                    metrics.count(acknowledgement);
                }
                // Whoever asked may be gone by now; what was stored stays stored.
                let _ = reply.send(acknowledgement);
            }
        }
    }
}
