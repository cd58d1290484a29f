//! The health of witnesses in this process, for the API and for metrics.

use headgate_collector_types::Log;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The state of a witness for one log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WitnessState {
    /// It has not been asked yet.
    #[default]
    Waiting,
    /// It has confirmed the last checkpoint that it was asked for.
    Ok,
    /// It does not answer, or not in time.
    Silent,
    /// It does not know the log (404).
    UnknownLog,
    /// It does not accept the log's signature (403).
    UnknownKey,
    /// It has seen another tree of this log (409 with the same size, or 422).
    Contradicts,
    /// It has seen more of the log than the database has (409 with a larger size).
    Ahead,
    /// Its answer has another form, or is signed by another key than the settings name.
    InvalidAnswer,
}

/// The health of a witness for one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessReport {
    /// The name in the settings.
    pub name: String,
    /// Its public key.
    pub public_key: String,
    /// The log.
    pub log: Log,
    /// Its state.
    pub state: WitnessState,
    /// The entries of the newest checkpoint that it has confirmed.
    pub confirmed_size: u64,
    /// When, as the witness states, µs.
    pub confirmed_at: Option<i64>,
    /// Since when it has failed, µs.
    pub failing_since: Option<i64>,
    /// Why it failed last.
    pub message: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WitnessLabel {
    witness: String,
    log: &'static str,
}

/// The health of all witnesses. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct WitnessHealth {
    reports: Arc<Mutex<Vec<WitnessReport>>>,
    failing: Family<WitnessLabel, Gauge>,
    confirmed: Family<WitnessLabel, Gauge>,
}

impl WitnessHealth {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let health = Self::default();
        registry.register(
            "witness_failing",
            "Whether a witness has not confirmed the last checkpoint of a log that it was asked for; GET /v1/log has the reason",
            health.failing.clone(),
        );
        registry.register(
            "witness_confirmed_entries",
            "Entries of a log that the newest checkpoint covers which a witness has confirmed",
            health.confirmed.clone(),
        );
        health
    }

    /// Adds a witness that has not been asked yet.
    pub fn add(&self, name: &str, public_key: String, log: Log) {
        let report = WitnessReport {
            name: name.to_owned(),
            public_key,
            log,
            state: WitnessState::Waiting,
            confirmed_size: 0,
            confirmed_at: None,
            failing_since: None,
            message: None,
        };
        self.failing.get_or_create(&label(&report)).set(0);
        self.confirmed.get_or_create(&label(&report)).set(0);
        self.lock().push(report);
    }

    /// Returns all witnesses, each with both logs.
    #[must_use]
    pub fn reports(&self) -> Vec<WitnessReport> {
        self.lock().clone()
    }

    /// Notes that a witness has confirmed a checkpoint.
    pub fn confirmed(&self, name: &str, log: Log, size: u64, at: Option<i64>) {
        self.update(name, log, |report| {
            report.state = WitnessState::Ok;
            report.confirmed_size = size;
            report.confirmed_at = at.or(report.confirmed_at);
            report.failing_since = None;
            report.message = None;
        });
    }

    /// Notes that a witness has not. Returns whether its state is another one than before.
    pub fn failed(&self, name: &str, log: Log, state: WitnessState, message: String, now: i64) -> bool {
        let mut is_new = false;
        self.update(name, log, |report| {
            is_new = report.state != state;
            report.state = state;
            report.failing_since = report.failing_since.or(Some(now));
            report.message = Some(message);
        });
        is_new
    }

    fn update(&self, name: &str, log: Log, change: impl FnOnce(&mut WitnessReport)) {
        let mut reports = self.lock();
        let Some(report) = reports.iter_mut().find(|report| report.name == name && report.log == log) else { return };
        change(report);
        self.failing.get_or_create(&label(report)).set(i64::from(report.failing_since.is_some()));
        let size = i64::try_from(report.confirmed_size).unwrap_or(i64::MAX);
        self.confirmed.get_or_create(&label(report)).set(size);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<WitnessReport>> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn label(report: &WitnessReport) -> WitnessLabel {
    WitnessLabel { witness: report.name.clone(), log: report.log.as_str() }
}
