//! The metrics of forwarders.

use crate::cursor::{Cursor, Progress};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    forwarder: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LogLabel {
    forwarder: String,
    log: &'static str,
}

/// The metrics; clones share them.
#[derive(Debug, Clone, Default)]
pub struct ForwardMetrics {
    behind: Family<LogLabel, Gauge>,
    failing: Family<Label, Gauge>,
    sent: Family<Label, Counter>,
    refused: Family<Label, Counter>,
    lost: Family<Label, Counter>,
}

impl ForwardMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "forwarder_failing",
            "Whether the last delivery of a forwarder failed",
            metrics.failing.clone(),
        );
        registry.register(
            "forwarder_behind_entries",
            "Entries of a log that a forwarder has still to deliver",
            metrics.behind.clone(),
        );
        let mut counter =
            |name: &str, help: &str, family: Family<Label, Counter>| registry.register(name, help, family);
        counter("forwarder_sent", "Entries that a forwarder has delivered", metrics.sent.clone());
        counter("forwarder_refused", "Entries that a receiver refuses", metrics.refused.clone());
        counter("forwarder_lost", "Entries that were deleted before they were delivered", metrics.lost.clone());
        metrics
    }

    /// Shows how far a forwarder is behind.
    pub(crate) fn show(&self, id: &str, cursors: &[Cursor], is_failing: bool) {
        for cursor in cursors {
            let label = LogLabel { forwarder: id.to_owned(), log: cursor.log.as_str() };
            self.behind.get_or_create(&label).set(cursor.newest.saturating_sub(cursor.position));
        }
        let label = Label { forwarder: id.to_owned() };
        self.failing.get_or_create(&label).set(i64::from(is_failing));
        // Counters start at 0, since an alert on a rate needs a value before the first event.
        for counter in [&self.sent, &self.refused, &self.lost] {
            counter.get_or_create(&label).inc_by(0);
        }
    }

    /// Counts what has become of a batch.
    pub(crate) fn count(&self, id: &str, progress: &Progress) {
        let label = Label { forwarder: id.to_owned() };
        let number = |count: i64| u64::try_from(count).unwrap_or(0);
        self.sent.get_or_create(&label).inc_by(number(progress.sent));
        self.refused.get_or_create(&label).inc_by(number(progress.refused));
        self.lost.get_or_create(&label).inc_by(number(progress.lost));
    }
}
