//! Plans the order in which a request tries the targets of its model alias.
//!
//! The route is planned once per request: conditions select the eligible targets, tiers order them, weights shuffle
//! them within a tier, and targets in cooldown come last. The next target is chosen after each try, because it depends
//! on the failure: an untried target comes first, and the same target is tried again only if that can help.

mod condition;
mod cooldown;
mod plan;

pub use condition::{Condition, Facts};
pub use cooldown::{Cooldowns, TargetHealth, TargetKey};
pub use plan::{AttemptKind, NextAttempt, NoTarget, Retry, RoutePlan, Target, plan_route};
