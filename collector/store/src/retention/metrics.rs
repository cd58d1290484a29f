//! The metrics of retention.

use crate::log_label::LogLabel;
use headgate_collector_types::Log;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// The metrics of retention. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct RetentionMetrics {
    deleted: Family<LogLabel, Counter>,
    behind: Family<LogLabel, Gauge>,
    last_run: Family<LogLabel, Gauge>,
    clock_ahead: Gauge,
}

impl RetentionMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("retention_deleted", "Entries deleted because their time was up", metrics.deleted.clone());
        registry.register(
            "retention_behind",
            "Entries whose time is up and that are not deleted yet; not those that a hold keeps",
            metrics.behind.clone(),
        );
        registry.register_with_unit(
            "retention_last_run",
            "By which time the last run through a log went, since the Unix epoch",
            Unit::Seconds,
            metrics.last_run.clone(),
        );
        registry.register_with_unit(
            "clock_ahead",
            "How far the host's clock is ahead of the time that retention goes by; more than a day, either way, is a leap",
            Unit::Seconds,
            metrics.clock_ahead.clone(),
        );
        for log in Log::ALL {
            metrics.deleted.get_or_create(&log.into()).inc_by(0);
        }
        metrics
    }

    /// Sets by how much the host's clock is ahead.
    pub fn clock(&self, host_us: i64, now_us: i64) {
        self.clock_ahead.set(host_us.saturating_sub(now_us) / 1_000_000);
    }

    /// Sets the number of expired entries that a run finds.
    pub fn begin(&self, log: Log, behind: u64) {
        self.behind.get_or_create(&log.into()).set(i64::try_from(behind).unwrap_or(i64::MAX));
    }

    /// Counts the entries that a step deleted.
    pub fn deleted(&self, log: Log, entries: u64) {
        self.deleted.get_or_create(&log.into()).inc_by(entries);
        let behind = self.behind.get_or_create(&log.into());
        behind.set(behind.get().saturating_sub(i64::try_from(entries).unwrap_or(i64::MAX)).max(0));
    }

    /// Notes the end of a run.
    pub fn end(&self, log: Log, now_us: i64) {
        self.behind.get_or_create(&log.into()).set(0);
        self.last_run.get_or_create(&log.into()).set(now_us / 1_000_000);
    }
}
