//! The metrics of the writer.

use crate::damage::DamageMetrics;
use headgate_record::Acknowledgement;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The upper bounds of the commit histogram, in seconds.
const COMMIT_SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// The metrics of the writer. Clones share them.
#[derive(Debug, Clone)]
pub struct WriteMetrics {
    pub(super) queue: Gauge,
    pub(super) commit_seconds: Histogram,
    pub(super) dropped: Gauge,
    pub(crate) damage: DamageMetrics,
    records: Family<OutcomeLabel, Counter>,
}

impl WriteMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            queue: Gauge::default(),
            commit_seconds: Histogram::new(COMMIT_SECONDS),
            dropped: Gauge::default(),
            damage: DamageMetrics::register(registry),
            records: Family::default(),
        };
        registry.register("records", "Records by outcome", metrics.records.clone());
        registry.register(
            "commit_seconds",
            "Time to write and commit one group of batches",
            metrics.commit_seconds.clone(),
        );
        registry.register("queued_batches", "Batches that wait for the writer", metrics.queue.clone());
        registry.register(
            "dropped_records",
            "Records that senders dropped before sending, over all boots",
            metrics.dropped.clone(),
        );
        metrics.count(&Acknowledgement::default());
        metrics
    }

    pub(super) fn count(&self, acknowledgement: &Acknowledgement) {
        let refused = u64::try_from(acknowledgement.refused.len()).unwrap_or(u64::MAX);
        for (outcome, count) in
            [("stored", acknowledgement.stored), ("duplicate", acknowledgement.duplicates), ("refused", refused)]
        {
            self.records.get_or_create(&OutcomeLabel { outcome }).inc_by(count);
        }
    }
}
