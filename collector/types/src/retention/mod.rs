//! Retention: rules by class, and legal holds that suspend them.

mod hold;
mod rules;

pub use hold::Scope;
pub use rules::{AuditRules, DAY_US, PRESETS, RequestRules, Rules, cutoff};
