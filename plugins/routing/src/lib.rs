//! From a model alias to an ordered course of targets.
//!
//! A course is drawn once per request: conditions choose who is eligible, tiers order them, weights shuffle within a
//! tier, and targets that rest after a failure go last. Which target comes next is decided after each try, because
//! what failed, and how, matters: another target first, the same one again only where that can help.

mod condition;
mod cooldown;
mod course;

pub use condition::{Condition, Facts};
pub use cooldown::{Cooldowns, Rest, TargetKey};
pub use course::{Course, NoTarget, Retriable, Step, StepKind, Target, draw_course};
