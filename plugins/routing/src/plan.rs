//! The order in which a request tries its targets, and the next try after a failure.

use crate::{Condition, Facts, TargetHealth};

/// One target of an alias, as far as routing needs it.
#[derive(Debug, Default)]
pub struct Target {
    /// Share of the requests within its tier; 0 takes it out of rotation.
    pub weight: u32,
    /// Lower tiers are tried first.
    pub tier: u32,
    /// The requests that it may serve.
    pub when: Condition,
}

/// The reason why there is no plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoTarget {
    /// No target's condition holds for this request.
    NoneEligible,
    /// All eligible targets sent `Retry-After`. The first is available again at this time, ms since the Unix epoch.
    AllUnavailable(u64),
}

/// The targets of a request in the order of tries.
#[derive(Debug, Clone, Default)]
pub struct RoutePlan {
    order: Vec<PlannedTarget>,
    current: usize,
    tries_left: u32,
}

#[derive(Debug, Clone, Copy)]
struct PlannedTarget {
    target: usize,
    tried: bool,
    again: bool,
}

/// The next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextAttempt {
    /// Index of the target within its alias.
    pub target: usize,
    /// The reason of the try.
    pub kind: AttemptKind,
}

/// The reason of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptKind {
    /// It is the first one.
    First,
    /// It goes to the same target as the one before.
    Retry,
    /// It goes to another target.
    Failover,
}

/// Whether another try at the same target can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It can: the connection broke, or the status is a transient 5xx.
    SameTarget,
    /// It cannot: the target reports that it is overloaded.
    OtherTarget,
}

/// Plans the route of one request over the targets of its alias. `health` returns the health of a target, `draw` a random
/// number. The plan has at most `attempts` tries.
///
/// # Errors
/// Returns the reason if no target can serve the request.
pub fn plan_route(
    targets: &[Target],
    facts: &impl Facts,
    health: impl Fn(usize) -> TargetHealth,
    attempts: u32,
    mut draw: impl FnMut() -> u32,
) -> Result<RoutePlan, NoTarget> {
    let mut back_at = None;
    let mut ranked = Vec::with_capacity(targets.len());
    for (index, target) in targets.iter().enumerate() {
        if target.weight == 0 || !target.when.holds(facts) {
            continue;
        }
        match health(index) {
            TargetHealth::Unavailable(until) => back_at = Some(back_at.map_or(until, |at: u64| at.min(until))),
            state => ranked.push(Ranked {
                degraded: state == TargetHealth::Degraded,
                target: index,
                tier: target.tier,
                key: 0,
            }),
        }
    }
    if ranked.is_empty() {
        return Err(back_at.map_or(NoTarget::NoneEligible, NoTarget::AllUnavailable));
    }
    if ranked.len() > 1 {
        for entry in &mut ranked {
            let weight = targets.get(entry.target).map_or(1, |target| target.weight);
            entry.key = shuffle_key(weight, draw());
        }
        ranked.sort_by_key(|entry| (entry.degraded, entry.tier, entry.key));
    }
    let order = ranked.iter().map(|entry| PlannedTarget { target: entry.target, tried: false, again: true }).collect();
    Ok(RoutePlan { order, current: 0, tries_left: attempts.max(1) })
}

struct Ranked {
    degraded: bool,
    tier: u32,
    key: u64,
    target: usize,
}

/// Returns a sort key: an exponential waiting time with rate `weight`. Sorting by it is a weighted shuffle without
/// replacement (Efraimidis and Spirakis, 2006). In 1/2^32 units; only its order matters.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a draw, not an account: rounding is harmless and the result is positive and far below 2^64"
)]
fn shuffle_key(weight: u32, draw: u32) -> u64 {
    let uniform = (f64::from(draw) + 1.0) / (f64::from(u32::MAX) + 2.0);
    (-uniform.ln() / f64::from(weight.max(1)) * 4_294_967_296.0) as u64
}

impl RoutePlan {
    /// Returns the first try, without making it.
    #[must_use]
    pub fn first(&self) -> Option<NextAttempt> {
        self.order.first().map(|planned| NextAttempt { target: planned.target, kind: AttemptKind::First })
    }

    /// Returns the indexes of the targets in the order of the plan.
    pub fn order(&self) -> impl Iterator<Item = usize> + '_ {
        self.order.iter().map(|planned| planned.target)
    }

    /// Makes the first try. Must be called once.
    pub fn begin(&mut self) -> Option<NextAttempt> {
        let planned = self.order.first_mut()?;
        planned.tried = true;
        self.current = 0;
        self.tries_left = self.tries_left.saturating_sub(1);
        self.first()
    }

    /// Returns the try that `advance` would make after this failure: an untried target first, then, if it can help, one
    /// that failed before. Returns `None` when no tries are left.
    #[must_use]
    pub fn peek_next(&self, failed: Retry) -> Option<NextAttempt> {
        self.next_index(failed).map(|(_, step)| step)
    }

    /// Makes the next try after the current one failed.
    pub fn advance(&mut self, failed: Retry) -> Option<NextAttempt> {
        let next = self.next_index(failed);
        if let Some(planned) = self.order.get_mut(self.current) {
            planned.again &= failed == Retry::SameTarget;
        }
        let (index, step) = next?;
        if let Some(planned) = self.order.get_mut(index) {
            planned.tried = true;
        }
        self.current = index;
        self.tries_left = self.tries_left.saturating_sub(1);
        Some(step)
    }

    /// Returns the number of tries that may follow the current one.
    #[must_use]
    pub fn tries_left(&self) -> u32 {
        self.tries_left
    }

    fn next_index(&self, failed: Retry) -> Option<(usize, NextAttempt)> {
        if self.tries_left == 0 {
            return None;
        }
        let untried = self.order.iter().position(|planned| !planned.tried);
        let index = untried.or_else(|| self.again_index(failed))?;
        let kind = if index == self.current { AttemptKind::Retry } else { AttemptKind::Failover };
        self.order.get(index).map(|planned| (index, NextAttempt { target: planned.target, kind }))
    }

    /// Returns the next target in the order, from the current one round to it again, that may be tried again.
    fn again_index(&self, failed: Retry) -> Option<usize> {
        let count = self.order.len();
        (1..=count).map(|ahead| (self.current + ahead) % count.max(1)).find(|index| {
            let again = self.order.get(*index).is_some_and(|planned| planned.again);
            again && (*index != self.current || failed == Retry::SameTarget)
        })
    }
}

#[cfg(test)]
mod tests;
