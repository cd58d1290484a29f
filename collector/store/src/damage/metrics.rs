//! The gauge of damaged positions.

use super::table::totals;
use crate::log_label::LogLabel;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_types::Log;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The gauge of positions that are known to be damaged. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct DamageMetrics(Family<LogLabel, Gauge>);

impl DamageMetrics {
    /// Registers the gauge.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "damaged_entries",
            "Entries of a log that are known to be altered or lost",
            metrics.0.clone(),
        );
        metrics
    }

    /// Sets the gauge from the table of damage.
    pub(crate) fn show(&self, db: &Db) -> Result<(), StoreError> {
        totals(db)?.into_iter().for_each(|total| self.set(total));
        Ok(())
    }

    /// Sets the number of damaged positions of a log.
    pub(crate) fn set(&self, (log, total): (Log, i64)) {
        self.0.get_or_create(&log.into()).set(total);
    }
}
