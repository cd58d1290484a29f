//! The health of anchors in this process, for the API and for metrics.

use super::{AnchorFinding, AnchorKind};
use headgate_collector_types::Log;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How an object in a bucket was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadBackState {
    /// As it was put.
    AsStored,
    /// It is not there.
    Missing,
    /// It has other bytes than the checkpoint that is stored here, or its lock ends earlier.
    Differs,
    /// The bucket cannot be reached, or its keys may not read.
    Unreadable,
}

impl From<Option<AnchorFinding>> for ReadBackState {
    fn from(finding: Option<AnchorFinding>) -> Self {
        match finding {
            None => Self::AsStored,
            Some(AnchorFinding::Missing) => Self::Missing,
            Some(AnchorFinding::Differs) => Self::Differs,
        }
    }
}

/// The last object that was read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReadBack {
    /// How it was found.
    pub state: ReadBackState,
    /// Entries of the checkpoint that it should be.
    pub size: u64,
    /// When, µs since the Unix epoch.
    pub at: i64,
    /// Why it cannot be read.
    pub message: Option<String>,
}

/// The health of an anchor for one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorReport {
    /// The name in the settings.
    pub name: String,
    /// The kind.
    pub kind: AnchorKind,
    /// The log.
    pub log: Log,
    /// When it was known last that the anchor holds the newest checkpoint that was due, µs.
    pub last_success: Option<i64>,
    /// Since when it has failed, µs.
    pub failing_since: Option<i64>,
    /// Why it failed last.
    pub message: Option<String>,
    /// The object that was read back last.
    pub read_back: Option<ReadBack>,
    /// Objects that were not found as they were put.
    pub altered: i64,
    /// When the anchor was added, µs.
    since: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnchorLabel {
    anchor: String,
    log: &'static str,
}

/// The health of all anchors. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct AnchorHealth {
    reports: Arc<Mutex<Vec<AnchorReport>>>,
    failing: Family<AnchorLabel, Gauge>,
    failures: Family<AnchorLabel, Counter>,
    ages: Family<AnchorLabel, Gauge>,
    altered: Family<AnchorLabel, Gauge>,
}

impl AnchorHealth {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let health = Self::default();
        registry.register(
            "anchor_failing",
            "Whether an anchor has not taken the last checkpoint of a log; GET /v1/log has the reason",
            health.failing.clone(),
        );
        registry.register(
            "anchor_failures",
            "Tries to hand a checkpoint of a log to an anchor that failed",
            health.failures.clone(),
        );
        registry.register_with_unit(
            "anchor_age",
            "Time since an anchor was last known to hold the newest checkpoint of a log that was due; since the start before the first",
            Unit::Seconds,
            health.ages.clone(),
        );
        registry.register(
            "anchor_altered_objects",
            "Checkpoints in a bucket that were missing or different when they were read back",
            health.altered.clone(),
        );
        health
    }

    /// Adds an anchor at a time in µs.
    pub fn add(&self, name: &str, kind: AnchorKind, log: Log, now: i64) {
        let report = AnchorReport {
            name: name.to_owned(),
            kind,
            log,
            last_success: None,
            failing_since: None,
            message: None,
            read_back: None,
            altered: 0,
            since: now,
        };
        let label = label(&report);
        self.failing.get_or_create(&label).set(0);
        self.failures.get_or_create(&label).inc_by(0);
        self.ages.get_or_create(&label).set(0);
        if kind == AnchorKind::ObjectLock {
            self.altered.get_or_create(&label).set(0);
        }
        self.lock().push(report);
    }

    /// Returns all anchors, each with both logs.
    #[must_use]
    pub fn reports(&self) -> Vec<AnchorReport> {
        self.lock().clone()
    }

    /// Sets the ages to those at a time in µs.
    pub fn refresh(&self, now: i64) {
        for report in self.lock().iter() {
            let age = now.saturating_sub(report.last_success.unwrap_or(report.since)).max(0);
            self.ages.get_or_create(&label(report)).set(age / 1_000_000);
        }
    }

    /// Notes when the anchor took a checkpoint, as the store has it from a run before.
    pub fn held(&self, name: &str, log: Log, at: i64) {
        self.update(name, log, |report| report.last_success = report.last_success.max(Some(at)));
    }

    /// Notes how a try ended: `None` if it succeeded. Returns whether that is new.
    pub fn note(&self, name: &str, log: Log, failure: Option<String>, now: i64) -> bool {
        let mut is_new = false;
        self.update(name, log, |report| {
            is_new = report.message != failure;
            report.failing_since = failure.as_ref().map(|_| report.failing_since.unwrap_or(now));
            match failure {
                None => report.last_success = Some(now),
                Some(_) => _ = self.failures.get_or_create(&label(report)).inc(),
            }
            report.message = failure;
            self.failing.get_or_create(&label(report)).set(i64::from(report.message.is_some()));
        });
        is_new
    }

    /// Notes how an object was found, and how many were not found as they were put. Returns whether that is new.
    pub fn read_back(&self, name: &str, log: Log, read: ReadBack, altered: i64) -> bool {
        let mut is_new = false;
        self.update(name, log, |report| {
            is_new = report.read_back.as_ref().is_none_or(|before| before.state != read.state);
            report.altered = altered;
            report.read_back = Some(read);
            self.altered.get_or_create(&label(report)).set(altered);
        });
        is_new
    }

    fn update(&self, name: &str, log: Log, change: impl FnOnce(&mut AnchorReport)) {
        let mut reports = self.lock();
        if let Some(report) = reports.iter_mut().find(|report| report.name == name && report.log == log) {
            change(report);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<AnchorReport>> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn label(report: &AnchorReport) -> AnchorLabel {
    AnchorLabel { anchor: report.name.clone(), log: report.log.as_str() }
}
