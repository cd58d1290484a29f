//! Notes damaged entries that readers report, each once, however often it is read.

use super::table::{DamageKind, DamagedRange, note, totals};
use crate::WriteHandle;
use headgate_collector_db::Db;
use headgate_collector_types::{Log, clock};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The most findings that are remembered as noted, so that the writer is not asked again. A flood of findings clears the
/// memory.
const MAX_REMEMBERED: usize = 100_000;
/// The most findings that the journal names one by one at a time.
const MAX_LOGGED: usize = 20;

/// Notes damage. Clones share the memory of noted findings.
#[derive(Debug, Clone)]
pub struct DamageWatch {
    writes: WriteHandle,
    noted: Arc<Mutex<HashSet<DamagedRange>>>,
}

impl DamageWatch {
    /// Returns a watch without any findings.
    #[must_use]
    pub fn new(writes: WriteHandle) -> Self {
        Self { writes, noted: Arc::default() }
    }

    /// Notes the positions of entries that were read and are altered.
    pub async fn report_altered(&self, log: Log, positions: &[i64]) {
        let findings =
            positions.iter().map(|&place| DamagedRange { log, first: place, last: place, kind: DamageKind::Altered });
        self.report(findings.collect()).await;
    }

    /// Notes findings. If the store cannot be written, the next reader of the damage notes them.
    pub async fn report(&self, mut findings: Vec<DamagedRange>) {
        findings.retain(|finding| !self.noted().contains(finding));
        if findings.is_empty() {
            return;
        }
        let all = findings.clone();
        let noting = move |tx: &Db| Ok((note(tx, &findings, clock::now_us())?, totals(tx)?));
        let Ok((new, totals)) = self.writes.transact(noting).await else {
            return;
        };
        log_damage(&new);
        totals.into_iter().for_each(|total| self.writes.metrics().damage.set(total));
        let mut noted = self.noted();
        if noted.len() >= MAX_REMEMBERED {
            noted.clear();
        }
        noted.extend(all);
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, HashSet<DamagedRange>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_damage(new: &[DamagedRange]) {
    for finding in new.iter().take(MAX_LOGGED) {
        let state = match finding.kind {
            DamageKind::Altered => "is not what was stored and is not served",
            DamageKind::Lost => "was stored and is gone",
        };
        tracing::warn!("damage: the entry at {} {state}", finding.places());
    }
    if new.len() > MAX_LOGGED {
        tracing::warn!("damage: {} places more; GET /v1/damage lists them", new.len() - MAX_LOGGED);
    }
}
