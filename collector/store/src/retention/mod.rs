//! Retention in the store: rules, holds, and the deletion of expired entries in small steps.
//!
//! The age of an entry counts from its receipt by the collector. A sender's clock may be a year off, and a record would
//! be kept for ever or deleted at once.
//!
//! # The state after a deletion
//! Positions are never reused (`log_heads`). A sealed segment marks its deleted records, and a fresh record is simply
//! absent; see `store/columns/`. The number of a deleted record stays accounted for at its boot, so it is neither missing
//! nor accepted again; see `store/gaps/`. Its hash stays for proofs; see `leaf_hashes`. SQLite reuses the freed pages, so the
//! file stops growing and does not shrink.

mod days;
mod delete;
mod forwarded;
mod holds;
mod leaf_hashes;
mod metrics;
mod prune;
mod run;
mod selection;
mod settings;

pub use days::{drop_day, empty_days};
pub use delete::delete;
pub use holds::{Hold, holds, place_hold, release_hold};
pub use metrics::RetentionMetrics;
pub use prune::{Prunable, find_prunable, prune};
pub use run::complete_run;
pub use selection::{
    ExpiredCount, RetentionCursor, RulesVersion, Selection, count_covered, count_expired, select_expired,
};
pub use settings::{Settings, retention, set_retention};
