//! What a worker lends a machine for the time of one event: what it knows, and where its workers keep count.

use crate::policy::Policy;
use headgate_limits::{Amounts, Held, Ledger, Means, Standing};
use headgate_routing::Cooldowns;
use std::rc::Rc;

/// See the module's text.
#[derive(Debug)]
pub struct Lent<'a, L> {
    /// Which targets rest.
    pub cooldowns: &'a Cooldowns,
    /// Where limits and budgets are counted.
    pub ledger: &'a mut L,
    /// How this proxy stands to the others.
    pub standing: Standing,
    /// How long answers are when nobody says.
    pub means: &'a mut Means,
    /// Takes what other workers kept from being settled.
    pub unsettled: &'a mut Vec<Unsettled>,
}

/// A reservation that is still to be settled.
#[derive(Debug, Clone)]
pub struct Unsettled {
    policy: Rc<Policy>,
    due: Vec<(Held, Amounts)>,
}

impl Unsettled {
    pub(crate) fn new(policy: &Rc<Policy>, due: Vec<(Held, Amounts)>) -> Self {
        Self { policy: Rc::clone(policy), due }
    }

    /// Tries once more; what is left, if anything.
    pub fn settle(self, standing: Standing, now_s: u64, ledger: &mut impl Ledger) -> Option<Self> {
        let left = self.policy.limits.settle_due(self.due, standing, now_s, ledger).left;
        (!left.is_empty()).then_some(Self { policy: self.policy, due: left })
    }
}
