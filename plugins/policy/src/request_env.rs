//! The worker's state that a machine may use for the time of one event.

use crate::policy::Policy;
use headgate_limits::{Amounts, FleetStatus, Held, Ledger, OutputEstimates};
use headgate_routing::Cooldowns;
use std::sync::Arc;

/// See the module's text.
#[derive(Debug)]
pub struct RequestEnv<'a, L> {
    /// The targets in cooldown.
    pub cooldowns: &'a Cooldowns,
    /// Where limits and budgets are counted.
    pub ledger: &'a mut L,
    /// The relation of this proxy to the others.
    pub fleet_status: FleetStatus,
    /// How long answers are when nobody says.
    pub output_estimates: &'a mut OutputEstimates,
    /// Gets reservations that other workers kept from being settled.
    pub unsettled: &'a mut Vec<Unsettled>,
}

/// A reservation that is still to be settled.
#[derive(Debug, Clone)]
pub struct Unsettled {
    policy: Arc<Policy>,
    due: Vec<(Held, Amounts)>,
}

impl Unsettled {
    pub(crate) fn new(policy: &Arc<Policy>, due: Vec<(Held, Amounts)>) -> Self {
        Self { policy: Arc::clone(policy), due }
    }

    /// Tries once more; returns the unsettled rest, if any.
    pub fn settle(self, fleet_status: FleetStatus, now_s: u64, ledger: &mut impl Ledger) -> Option<Self> {
        let left = self.policy.limits.settle_due(self.due, fleet_status, now_s, ledger).left;
        (!left.is_empty()).then_some(Self { policy: self.policy, due: left })
    }
}
