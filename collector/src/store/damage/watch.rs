//! Who reads an entry that is damaged tells this; it is noted once, however often it is read.

use super::super::db::Db;
use super::{Finding, Kind, Log, note, totals};
use crate::clock;
use crate::journal;
use crate::store::{StoreError, WriteHandle};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Findings remembered as noted, so that the writer is not asked again; a flood of them empties the memory.
const REMEMBERED: usize = 100_000;
/// Findings that the journal names one by one at a time.
const NAMED: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    log: &'static str,
}

/// The gauge of places that are known to be damaged; clones share it.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct DamageMetrics(Family<Of, Gauge>);

impl DamageMetrics {
    /// Registers the gauge.
    pub(in crate::store) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "damaged_entries",
            "Entries of a log that are known to be altered or lost",
            metrics.0.clone(),
        );
        metrics
    }

    /// Shows what the table says.
    pub(in crate::store) fn show(&self, db: &Db) -> Result<(), StoreError> {
        totals(db)?.into_iter().for_each(|total| self.set(total));
        Ok(())
    }

    fn set(&self, (log, total): (Log, i64)) {
        self.0.get_or_create(&Of { log: log.as_str() }).set(total);
    }
}

/// Notes what is damaged; clones share what they know.
#[derive(Debug, Clone)]
pub struct DamageWatch {
    writes: WriteHandle,
    noted: Arc<Mutex<HashSet<Finding>>>,
}

impl DamageWatch {
    /// One that knows of nothing yet.
    #[must_use]
    pub fn new(writes: WriteHandle) -> Self {
        Self { writes, noted: Arc::default() }
    }

    /// Notes the places of entries that were read and are not what was stored.
    pub async fn altered(&self, log: Log, positions: &[i64]) {
        let found = positions.iter().map(|&place| Finding { log, first: place, last: place, kind: Kind::Altered });
        self.found(found.collect()).await;
    }

    /// Notes findings. If the store cannot be written, the next one who meets them notes them.
    pub async fn found(&self, mut found: Vec<Finding>) {
        found.retain(|one| !self.noted().contains(one));
        if found.is_empty() {
            return;
        }
        let all = found.clone();
        let noting = move |tx: &Db| Ok((note(tx, &found, clock::now_us())?, totals(tx)?));
        let Ok((new, totals)) = self.writes.transact(noting).await else {
            return;
        };
        tell(&new);
        totals.into_iter().for_each(|total| self.writes.metrics().damage.set(total));
        let mut noted = self.noted();
        if noted.len() >= REMEMBERED {
            noted.clear();
        }
        noted.extend(all);
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, HashSet<Finding>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(new: &[Finding]) {
    for one in new.iter().take(NAMED) {
        let what = match one.kind {
            Kind::Altered => "is not what was stored and is not served",
            Kind::Lost => "was stored and is gone",
        };
        journal::line(&format!("damage: the entry at {} {what}", one.places()));
    }
    if new.len() > NAMED {
        journal::line(&format!("damage: {} places more; GET /v1/damage lists them", new.len() - NAMED));
    }
}
