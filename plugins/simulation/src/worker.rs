//! The state that a worker keeps between requests, and the keys of its clients.

use crate::memory::Memory;
use headgate_limits::{FleetStatus, OutputEstimates};
use headgate_policy::{Cooldowns, RequestEnv, Unsettled};

/// The state that a worker keeps for all its requests.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    pub(crate) cooldowns: Cooldowns,
    pub(crate) ledger: Memory,
    pub(crate) output_estimates: OutputEstimates,
    pub(crate) unsettled: Vec<Unsettled>,
}

impl Worker {
    pub(crate) fn request_env(&mut self) -> RequestEnv<'_, Memory> {
        RequestEnv {
            cooldowns: &self.cooldowns,
            ledger: &mut self.ledger,
            fleet_status: FleetStatus::ALONE,
            output_estimates: &mut self.output_estimates,
            unsettled: &mut self.unsettled,
        }
    }
}

/// Returns the virtual key that stands for the key of this id.
#[must_use]
pub fn made_up_key(id: &str) -> String {
    format!("hg-test-{id}")
}
