//! The state of signing in this process, for the API and for metrics.

use crate::log_label::LogLabel;
use headgate_collector_tree::VerifyingKey;
use headgate_collector_types::Log;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The reason why checkpoints of a log are not signed although there is a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SigningStop {
    /// The logs were begun with another key.
    OtherKey,
    /// The helper that holds the key has not answered with a signature of this key.
    SignerFailed,
    /// The stored tree contradicts the newest checkpoint.
    Forked,
    /// A witness has seen more of the log than the database has: it was restored from an older copy.
    RolledBack,
    /// Hashes are lost that would show that the tree continues the newest checkpoint.
    Unprovable,
}

/// The state of signing. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct SigningState {
    key: Arc<Mutex<Option<VerifyingKey>>>,
    stops: Arc<Mutex<HashMap<Log, SigningStop>>>,
    sizes: Family<LogLabel, Gauge>,
    signed: Family<LogLabel, Gauge>,
    ages: Family<LogLabel, Gauge>,
    stopped: Family<LogLabel, Gauge>,
}

impl SigningState {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let state = Self::default();
        registry.register("tree_size", "Entries in the tree of a log", state.sizes.clone());
        registry.register(
            "checkpoint_entries",
            "Entries that the newest checkpoint of a log covers",
            state.signed.clone(),
        );
        registry.register_with_unit(
            "checkpoint_age",
            "Time since the newest checkpoint of a log, if the log has grown since; 0 without a key",
            Unit::Seconds,
            state.ages.clone(),
        );
        registry.register(
            "signing_stopped",
            "Whether checkpoints of a log are not signed although there is a key; GET /v1/log has the reason",
            state.stopped.clone(),
        );
        for log in Log::ALL {
            state.stopped.get_or_create(&log.into()).set(0);
        }
        state
    }

    /// Sets the public key of the key that signs.
    pub fn set_key(&self, key: VerifyingKey) {
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
    }

    /// Returns the public key of the key that signs.
    #[must_use]
    pub fn key(&self) -> Option<VerifyingKey> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the reason why checkpoints of a log are not signed.
    #[must_use]
    pub fn stop(&self, log: Log) -> Option<SigningStop> {
        self.stops().get(&log).copied()
    }

    /// Sets it, or that they are signed. Returns whether the state is another one than before.
    pub fn set_stop(&self, log: Log, stop: Option<SigningStop>) -> bool {
        self.stopped.get_or_create(&log.into()).set(i64::from(stop.is_some()));
        let mut stops = self.stops();
        let before = match stop {
            Some(stop) => stops.insert(log, stop),
            None => stops.remove(&log),
        };
        before != stop
    }

    /// Sets the sizes of a tree and of its newest checkpoint, and how old that is.
    pub fn show(&self, log: Log, size: u64, signed: u64, age_us: i64) {
        let number = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
        self.sizes.get_or_create(&log.into()).set(number(size));
        self.signed.get_or_create(&log.into()).set(number(signed));
        self.ages.get_or_create(&log.into()).set(if size > signed { age_us.max(0) / 1_000_000 } else { 0 });
    }

    fn stops(&self) -> MutexGuard<'_, HashMap<Log, SigningStop>> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
