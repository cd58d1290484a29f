//! Known damage of either log.
//!
//! An altered entry is never served as if it were the original. So that readers do not take the rest for the whole, its
//! position is noted once: in a table that `GET /v1/damage` shows, in the audit log, in the operator's journal and in a
//! metric.

mod damage_watch;
mod metrics;
mod scrub;
mod segment_check;
mod table;

pub use damage_watch::DamageWatch;
pub(crate) use metrics::DamageMetrics;
pub use scrub::Scrub;
pub use segment_check::{check_segment, log_continues};
pub use table::note;
pub use table::{DamageKind, Damaged, DamagedRange, damage};
