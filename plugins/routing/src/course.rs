//! The order in which a request tries its targets, and what comes after a failure.

use crate::{Condition, Facts, Rest};

/// One way to serve an alias, as routing sees it.
#[derive(Debug, Default)]
pub struct Target {
    /// Share within its tier; 0 is out of rotation.
    pub weight: u32,
    /// Lower tiers first.
    pub tier: u32,
    /// For which requests.
    pub when: Condition,
}

/// Why there is no course.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoTarget {
    /// No target is meant for a request like this one.
    NoneEligible,
    /// All that are have asked to be left alone; the first is back at this time, ms since the Unix epoch.
    AllBarred(u64),
}

/// Which targets to try, in order.
#[derive(Debug, Clone, Default)]
pub struct Course {
    order: Vec<Stop>,
    current: usize,
    tries_left: u32,
}

#[derive(Debug, Clone, Copy)]
struct Stop {
    target: usize,
    tried: bool,
    again: bool,
}

/// One try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Index of the target within its alias.
    pub target: usize,
    /// Why it is made.
    pub kind: StepKind,
}

/// Why a try is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// The first.
    First,
    /// The same target as before.
    Retry,
    /// Another one.
    Failover,
}

/// Whether asking the very same target again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retriable {
    /// A broken connection, a passing 5xx.
    Again,
    /// It said that it is busy: leave it alone.
    NotThisTarget,
}

/// Draws the course of one request over the targets of its alias. `rest` tells how a target is doing, `draw` gives
/// random numbers. At most `attempts` tries are made in all.
///
/// # Errors
/// If nobody can serve it.
pub fn draw_course(
    targets: &[Target],
    facts: &impl Facts,
    rest: impl Fn(usize) -> Rest,
    attempts: u32,
    mut draw: impl FnMut() -> u32,
) -> Result<Course, NoTarget> {
    let mut back_at = None;
    let mut ranked = Vec::with_capacity(targets.len());
    for (index, target) in targets.iter().enumerate() {
        if target.weight == 0 || !target.when.holds(facts) {
            continue;
        }
        match rest(index) {
            Rest::Barred(until) => back_at = Some(back_at.map_or(until, |at: u64| at.min(until))),
            state => ranked.push(Ranked { tired: state == Rest::Tired, target: index, tier: target.tier, key: 0 }),
        }
    }
    if ranked.is_empty() {
        return Err(back_at.map_or(NoTarget::NoneEligible, NoTarget::AllBarred));
    }
    if ranked.len() > 1 {
        for entry in &mut ranked {
            let weight = targets.get(entry.target).map_or(1, |target| target.weight);
            entry.key = waiting_time(weight, draw());
        }
        ranked.sort_by_key(|entry| (entry.tired, entry.tier, entry.key));
    }
    let order = ranked.iter().map(|entry| Stop { target: entry.target, tried: false, again: true }).collect();
    Ok(Course { order, current: 0, tries_left: attempts.max(1) })
}

struct Ranked {
    tired: bool,
    tier: u32,
    key: u64,
    target: usize,
}

/// An exponential waiting time with rate `weight`: sorting by it is a weighted shuffle without replacement
/// (Efraimidis and Spirakis, 2006). In 1/2^32 units; only its order matters.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a draw, not an account: rounding is harmless and the result is positive and far below 2^64"
)]
fn waiting_time(weight: u32, draw: u32) -> u64 {
    let uniform = (f64::from(draw) + 1.0) / (f64::from(u32::MAX) + 2.0);
    (-uniform.ln() / f64::from(weight.max(1)) * 4_294_967_296.0) as u64
}

impl Course {
    /// The first try. Call it once.
    pub fn begin(&mut self) -> Option<Step> {
        let stop = self.order.first_mut()?;
        stop.tried = true;
        self.current = 0;
        self.tries_left = self.tries_left.saturating_sub(1);
        Some(Step { target: stop.target, kind: StepKind::First })
    }

    /// What the next try would be if the current one failed like this: an untried target first, then, where it can
    /// help, one that failed before. `None` when the tries are used up.
    #[must_use]
    pub fn peek_next(&self, failed: Retriable) -> Option<Step> {
        self.next_index(failed).map(|(_, step)| step)
    }

    /// Moves on after the current try failed.
    pub fn advance(&mut self, failed: Retriable) -> Option<Step> {
        let next = self.next_index(failed);
        if let Some(stop) = self.order.get_mut(self.current) {
            stop.again &= failed == Retriable::Again;
        }
        let (index, step) = next?;
        if let Some(stop) = self.order.get_mut(index) {
            stop.tried = true;
        }
        self.current = index;
        self.tries_left = self.tries_left.saturating_sub(1);
        Some(step)
    }

    /// Tries that may follow the current one.
    #[must_use]
    pub fn tries_left(&self) -> u32 {
        self.tries_left
    }

    fn next_index(&self, failed: Retriable) -> Option<(usize, Step)> {
        if self.tries_left == 0 {
            return None;
        }
        let untried = self.order.iter().position(|stop| !stop.tried);
        let index = untried.or_else(|| self.again_index(failed))?;
        let kind = if index == self.current { StepKind::Retry } else { StepKind::Failover };
        self.order.get(index).map(|stop| (index, Step { target: stop.target, kind }))
    }

    /// The next one round the circle that may be asked again.
    fn again_index(&self, failed: Retriable) -> Option<usize> {
        let count = self.order.len();
        (1..=count).map(|ahead| (self.current + ahead) % count.max(1)).find(|index| {
            let again = self.order.get(*index).is_some_and(|stop| stop.again);
            again && (*index != self.current || failed == Retriable::Again)
        })
    }
}

#[cfg(test)]
mod tests;
