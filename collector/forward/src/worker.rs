//! One forwarder at work: reads a batch, delivers it, and moves its cursor on.

mod work;

use crate::batch::Batch;
use crate::cursor;
use crate::metrics::ForwardMetrics;
use crate::settings::Settings;
use crate::transport::{Parcel, Transport};
use crate::verdict::{Fault, Verdict};
use crate::wire::{self, Bounds};
use headgate_collector_db::StoreError;
use headgate_collector_store::{Readers, WriteHandle};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use work::Work;

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
    /// The batch that was not delivered, as it will be sent again: while its receiver is away, nothing is read and nothing is
    /// rendered.
    pub(crate) waiting: Option<Work>,
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// There may be more at once.
    Moved,
    /// There is nothing to do for this time.
    Pause(Duration),
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
        let Some(mut work) = self.next().await? else {
            self.show().await?;
            return Ok(Round::Pause(IDLE));
        };
        if !self.hold(&work).await? {
            return Ok(Round::Pause(IDLE));
        }
        let verdict = match self.parcel(&mut work).await {
            Ok(None) => Verdict::DELIVERED,
            Ok(Some(parcel)) => self.transport.deliver(parcel).await,
            Err(fault) => Verdict::Retry { fault, after: None },
        };
        let verdict = match verdict {
            Verdict::Awaiting { ack } => self.acknowledged(work.channel.clone(), ack).await?,
            verdict => verdict,
        };
        let round = self.settle(work, verdict).await?;
        self.show().await?;
        Ok(round)
    }

    /// Returns the batch that waits, if it is still the next one, or reads the next one.
    async fn next(&mut self) -> Result<Option<Work>, StoreError> {
        let (settings, bounds, holder) = (Arc::clone(&self.settings), self.bounds(), Arc::clone(&self.holder));
        let waiting = self.waiting.take();
        self.readers.query(move |db| work::next(db, &settings, &holder, bounds, waiting)).await
    }

    /// Takes or prolongs the right to deliver, if that is needed, and keeps the end of a file.
    async fn hold(&self, work: &Work) -> Result<bool, StoreError> {
        let (id, holder) = (self.settings.id.clone(), Arc::clone(&self.holder));
        let plan = self.settings.archive.as_ref().map(|_| (work.batch.log, work.batch.to));
        if work.is_held && plan.is_none() {
            return Ok(true);
        }
        let held = self.writes.transact(move |tx| {
            let held = cursor::hold(tx, &id, &holder)?;
            if let Some((log, to)) = plan.filter(|_| held) {
                cursor::plan(tx, &id, log, to)?;
            }
            Ok(held)
        });
        held.await
    }

    /// Returns the batch as its receiver gets it; `None` if it has no events.
    async fn parcel(&self, work: &mut Work) -> Result<Option<Arc<Parcel>>, Fault> {
        let events = std::mem::take(&mut work.batch.events);
        if work.parcel.is_none() && !events.is_empty() {
            work.parcel = Some(self.transport.render(work.channel.clone(), events).await?);
        }
        Ok(work.parcel.clone())
    }

    /// Asks until the receiver has acknowledged a batch, and holds the right to deliver meanwhile.
    async fn acknowledged(&self, channel: String, ack: u64) -> Result<Verdict, StoreError> {
        let mut waited = Duration::ZERO;
        for pause in ACK_PAUSES.iter().copied().chain(std::iter::repeat(LAST_ACK_PAUSE)) {
            if waited >= self.settings.ack_timeout {
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

    async fn settle(&mut self, work: Work, verdict: Verdict) -> Result<Round, StoreError> {
        if matches!(verdict, Verdict::Retry { .. } | Verdict::Blocked(_)) && work.parcel.is_some() {
            self.waiting = Some(work);
            return self.wait(verdict).await;
        }
        let batch = work.batch;
        match verdict {
            Verdict::Delivered { refused } => self.advance(batch, refused).await,
            Verdict::Split(fault) if batch.positions.len() > 1 => {
                self.most = batch.positions.len().div_ceil(2);
                tracing::debug!("{}: {fault}; the batch is halved", self.settings.id);
                Ok(Round::Moved)
            }
            Verdict::Split(fault) => self.advance(batch, vec![(0, fault)]).await,
            // It has been waited for.
            Verdict::Awaiting { .. } => self.advance(batch, Vec::new()).await,
            verdict => self.wait(verdict).await,
        }
    }

    /// Pauses after a failure. Nothing but an operator ends the pause earlier; entries that arrive meanwhile do not.
    async fn wait(&mut self, verdict: Verdict) -> Result<Round, StoreError> {
        match verdict {
            Verdict::Retry { fault, after } => {
                let pause = after.unwrap_or_default().max(pause_after(self.failures));
                self.fail("retrying", fault, pause).await
            }
            Verdict::Blocked(fault) => self.fail("blocked", fault, LAST_PAUSE).await,
            _ => Ok(Round::Moved),
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
        let progress = self.writes.transact(move |tx| work::store(tx, &id, &holder, &batch, &refused)).await?;
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
