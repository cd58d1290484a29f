//! Carries out the updates of metrics.
//!
//! A host that refuses a metric is not asked for it again. Nothing here can fail a request.

use crate::host::Host;
use headgate_metrics::{HostMetric, Kind, Queues, Registry, RequestFacts, Update};

/// Key of the workers' [`Queues`] in shared data.
const QUEUES: &str = "headgate.metrics.queues";
/// Least time between two updates of the outbox, ms.
const OUTBOX_MS: u64 = 1_000;
/// Another worker may win the compare-and-set this often before the sum waits for the next update.
const TRIES: u32 = 8;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    registry: Registry,
    /// Its memory is used again for each request.
    updates: Vec<Update>,
    /// Records that the outbox had dropped at its last update.
    dropped: u64,
    /// When that was, ms since the Unix epoch.
    outbox_ms: u64,
}

impl Metrics {
    /// Counts a request that is over.
    pub(crate) fn request(&mut self, host: &impl Host, facts: &RequestFacts<'_>) {
        self.registry.request(facts, &mut self.updates);
        self.carry_out(host);
    }

    /// Whether it is time for [`Metrics::outbox`]. A policy that turns the metrics off does not leave a level that was true once.
    pub(crate) fn is_due(&self, on: bool, now_ms: u64) -> bool {
        (on || !self.registry.is_empty()) && now_ms.abs_diff(self.outbox_ms) >= OUTBOX_MS
    }

    /// Updates the metrics of the outbox. `worker` is a number that no other worker has.
    pub(crate) fn outbox(&mut self, host: &impl Host, worker: u64, queued: u64, dropped: u64, now_ms: u64) {
        self.outbox_ms = now_ms;
        let Some(queued) = queued_in_all(host, worker, queued, now_ms) else { return };
        self.registry.outbox(dropped.saturating_sub(self.dropped), queued, &mut self.updates);
        self.dropped = dropped;
        self.carry_out(host);
    }

    fn carry_out(&mut self, host: &impl Host) {
        let registry = &mut self.registry;
        for Update { series, amount } in self.updates.drain(..) {
            if let HostMetric::Undefined(kind, name) = registry.host_metric(series) {
                let id = host.define_metric(kind as u32, name).ok();
                registry.defined(series, id);
            }
            // A host that loses a number that it gave counts no more; a request is not to suffer from it.
            let _ = match registry.host_metric(series) {
                HostMetric::Defined(Kind::Counter, id) if amount > 0 => host.increment_metric(id, amount),
                HostMetric::Defined(Kind::Gauge | Kind::Histogram, id) => host.record_metric(id, amount),
                _ => Ok(()),
            };
        }
    }
}

fn queued_in_all(host: &impl Host, worker: u64, queued: u64, now_ms: u64) -> Option<u64> {
    for _ in 0..TRIES {
        let (bytes, cas) = host.shared(QUEUES);
        let mut queues = Queues::from_bytes(&bytes);
        let sum = queues.set(worker, queued, now_ms);
        if host.set_shared(QUEUES, &queues.to_bytes(), cas).is_ok() {
            return Some(sum);
        }
    }
    None
}
