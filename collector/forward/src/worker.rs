//! One forwarder at work: reads a batch, delivers it, and moves its cursor on.

use crate::batch::{self, Batch};
use crate::cursor::{self, Progress};
use crate::dead_letters;
use crate::metrics::ForwardMetrics;
use crate::settings::Settings;
use crate::transport::Transport;
use crate::verdict::{Fault, Verdict};
use crate::wire::{self, Bounds};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{Readers, WriteHandle};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// The pause while there is nothing new, or another process delivers.
const IDLE: Duration = Duration::from_secs(1);
/// The first pause after a failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause, also while it is blocked.
const LAST_PAUSE: Duration = Duration::from_secs(300);

/// Pauses before the receiver is asked for an acknowledgement, and all further ones.
const ACK_PAUSES: [Duration; 4] =
    [Duration::from_millis(250), Duration::from_millis(750), Duration::from_secs(1), Duration::from_secs(3)];
const LAST_ACK_PAUSE: Duration = Duration::from_secs(5);
/// The time in which a batch must be acknowledged, as Splunk advises.
const ACK_TIME: Duration = Duration::from_secs(300);

/// A forwarder at work.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) settings: Arc<Settings>,
    pub(crate) transport: Transport,
    pub(crate) writes: WriteHandle,
    pub(crate) readers: Readers,
    pub(crate) metrics: ForwardMetrics,
    /// The process, to which the right to deliver is given.
    pub(crate) holder: Arc<str>,
    pub(crate) wake: Arc<Notify>,
    /// The most events of the next batch. A batch that is refused is halved, down to the event that the receiver will not take.
    pub(crate) most: usize,
    /// Failures in a row.
    pub(crate) failures: u32,
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// There may be more at once.
    Moved,
    /// There is nothing to do for this time.
    Pause(Duration),
}

/// A batch, with the name that the receiver knows the forwarder by.
struct Work {
    batch: Batch,
    channel: String,
}

impl Worker {
    /// Delivers for as long as it is polled.
    pub(crate) async fn run(mut self) {
        loop {
            match self.round().await {
                Ok(Round::Moved) => {}
                Ok(Round::Pause(time)) => self.sleep(time).await,
                // The store reports its own failures, and may work again later.
                Err(_) => self.sleep(IDLE).await,
            }
        }
    }

    async fn sleep(&self, time: Duration) {
        let _ = tokio::time::timeout(time, self.wake.notified()).await;
    }

    async fn round(&mut self) -> Result<Round, StoreError> {
        let (settings, bounds) = (Arc::clone(&self.settings), self.bounds());
        let Some(Work { mut batch, channel }) = self.readers.query(move |db| work(db, &settings, bounds)).await? else {
            self.show().await?;
            return Ok(Round::Pause(IDLE));
        };
        let (id, holder) = (self.settings.id.clone(), Arc::clone(&self.holder));
        let plan = self.settings.archive.as_ref().map(|_| (batch.log, batch.to));
        let held = self.writes.transact(move |tx| {
            let held = cursor::hold(tx, &id, &holder)?;
            if let Some((log, to)) = plan.filter(|_| held) {
                cursor::plan(tx, &id, log, to)?;
            }
            Ok(held)
        });
        if !held.await? {
            return Ok(Round::Pause(IDLE));
        }
        let events = std::mem::take(&mut batch.events);
        let verdict = match events.is_empty() {
            true => Verdict::DELIVERED,
            false => self.transport.deliver(channel.clone(), events).await,
        };
        let verdict = match verdict {
            Verdict::Awaiting { ack } => self.acknowledged(channel, ack).await?,
            verdict => verdict,
        };
        let round = self.settle(batch, verdict).await?;
        self.show().await?;
        Ok(round)
    }

    /// Asks until the receiver has acknowledged a batch, and holds the right to deliver meanwhile.
    async fn acknowledged(&self, channel: String, ack: u64) -> Result<Verdict, StoreError> {
        let mut waited = Duration::ZERO;
        for pause in ACK_PAUSES.iter().copied().chain(std::iter::repeat(LAST_ACK_PAUSE)) {
            if waited >= ACK_TIME {
                break;
            }
            tokio::time::sleep(pause).await;
            waited = waited.saturating_add(pause);
            let (id, holder) = (self.settings.id.clone(), Arc::clone(&self.holder));
            self.writes.transact(move |tx| cursor::hold(tx, &id, &holder)).await?;
            match self.transport.is_acknowledged(channel.clone(), ack).await {
                Some(false) => {}
                // Nothing more can be known of it than that the receiver took it.
                Some(true) | None => return Ok(Verdict::DELIVERED),
            }
        }
        Ok(Verdict::Retry { fault: Fault::Unacknowledged, after: None })
    }

    fn bounds(&self) -> Bounds {
        let usual = wire::bounds(self.settings.kind);
        Bounds { events: usual.events.min(self.most), ..usual }
    }

    async fn settle(&mut self, batch: Batch, verdict: Verdict) -> Result<Round, StoreError> {
        match verdict {
            Verdict::Delivered { refused } => self.advance(batch, refused).await,
            Verdict::Split(fault) if batch.positions.len() > 1 => {
                self.most = batch.positions.len().div_ceil(2);
                tracing::debug!("{}: {fault}; the batch is halved", self.settings.id);
                Ok(Round::Moved)
            }
            Verdict::Split(fault) => self.advance(batch, vec![(0, fault)]).await,
            Verdict::Retry { fault, after } => {
                let pause = after.unwrap_or_default().max(pause_after(self.failures));
                self.fail("retrying", fault, pause).await
            }
            Verdict::Blocked(fault) => self.fail("blocked", fault, LAST_PAUSE).await,
            // It has been waited for.
            Verdict::Awaiting { .. } => self.advance(batch, Vec::new()).await,
        }
    }

    async fn fail(&mut self, state: &'static str, fault: Fault, pause: Duration) -> Result<Round, StoreError> {
        if self.failures == 0 {
            tracing::warn!(
                "the forwarder {} has not delivered: {fault}; its entries wait in the log, and it tries again",
                self.settings.id
            );
        }
        self.failures = self.failures.saturating_add(1);
        let (id, why) = (self.settings.id.clone(), fault.to_string());
        self.writes.transact(move |tx| cursor::set_state(tx, &id, state, Some(&why))).await?;
        Ok(Round::Pause(pause))
    }

    async fn advance(&mut self, batch: Batch, refused: Vec<(usize, Fault)>) -> Result<Round, StoreError> {
        if self.failures > 0 {
            tracing::info!("the forwarder {} delivers again", self.settings.id);
        }
        self.failures = 0;
        // Back to large batches, step by step: the cause of a halving may not be the only one.
        self.most = self.most.saturating_mul(2).min(wire::bounds(self.settings.kind).events);
        let (id, holder) = (self.settings.id.clone(), Arc::clone(&self.holder));
        let progress = self.writes.transact(move |tx| store(tx, &id, &holder, &batch, &refused)).await?;
        self.metrics.count(&self.settings.id, &progress);
        Ok(Round::Moved)
    }

    /// Shows the backlog in the metrics.
    async fn show(&self) -> Result<(), StoreError> {
        let id = self.settings.id.clone();
        let cursors = self.readers.query(move |db| cursor::cursors(db, &id)).await?;
        self.metrics.show(&self.settings.id, &cursors, self.failures > 0);
        Ok(())
    }
}

/// Returns the next batch of the first log that has one.
fn work(db: &Db, settings: &Settings, bounds: Bounds) -> Result<Option<Work>, StoreError> {
    let Some(row) = cursor::row(db, &settings.id)?.filter(|row| !row.is_paused) else { return Ok(None) };
    if dead_letters::count(db, &settings.id)? >= dead_letters::MOST {
        return Ok(None);
    }
    for cursor in cursor::cursors(db, &settings.id)? {
        if !settings.logs.contains(&cursor.log) {
            continue;
        }
        if let Some(batch) = batch::next(db, settings, &cursor, bounds)? {
            return Ok(Some(Work { batch, channel: row.channel }));
        }
    }
    Ok(None)
}

/// Stores what has become of a batch.
fn store(tx: &Db, id: &str, holder: &str, batch: &Batch, refused: &[(usize, Fault)]) -> Result<Progress, StoreError> {
    let count = |len: usize| i64::try_from(len).unwrap_or(i64::MAX);
    let dead = count(refused.len()).saturating_add(count(batch.damaged.len()));
    let progress = Progress {
        position: batch.to,
        sent: count(batch.positions.len()).saturating_sub(count(refused.len())),
        refused: dead,
        lost: batch.lost,
    };
    cursor::set_state(tx, id, "ok", None)?;
    if !cursor::advance(tx, id, holder, batch.log, batch.from, &progress)? {
        return Ok(Progress::default());
    }
    // Entries that are delivered again, because somebody asked for it, are dead no longer.
    dead_letters::remove(tx, id, batch.log, &batch.positions)?;
    for (place, fault) in refused {
        if let Some(position) = batch.positions.get(*place) {
            dead_letters::put(tx, id, batch.log, *position, *fault)?;
        }
    }
    for position in &batch.damaged {
        dead_letters::put(tx, id, batch.log, *position, Fault::Damaged)?;
    }
    Ok(progress)
}

/// Returns the pause after this number of failures: it doubles, and differs by chance, so that many senders do not call together.
fn pause_after(failures: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(9)).min(LAST_PAUSE);
    let mut byte = [0];
    // Without randomness the pause is the longest.
    let part = getrandom::fill(&mut byte).map_or(0, |()| u32::from(byte[0]));
    longest.saturating_sub(longest.saturating_mul(part) / 1_024)
}

#[cfg(test)]
mod tests {
    use super::{LAST_PAUSE, pause_after};

    #[test]
    fn pauses_double_up_to_five_minutes() {
        for failures in 0..20 {
            let pause = pause_after(failures).as_secs_f64();
            let longest = f64::from(1_u32 << failures.min(9)).min(LAST_PAUSE.as_secs_f64());
            assert!(pause <= longest && pause >= longest * 0.74, "{failures}: {pause}");
        }
    }
}
