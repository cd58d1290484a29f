//! What is wrong with either log, as far as it has been noticed.
//!
//! An entry that is not what was stored is never served as if it were. So that nobody takes the rest for the whole, its place
//! is noted once: in a table that `GET /v1/damage` shows, in the audit log, the operator's journal and a metric.

mod scrub;
mod table;
mod walk;
mod watch;

pub use scrub::Scrub;
pub(super) use table::note;
use table::totals;
pub use table::{Damaged, Finding, Kind, damage};
pub(super) use walk::{goes_on, step};
pub(in crate::store) use watch::DamageMetrics;
pub use watch::DamageWatch;

/// One of the two logs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Log {
    /// The request log.
    Requests,
    /// The audit log.
    Audit,
}

impl Log {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Requests, Self::Audit];

    /// Its name in the store, in answers and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Audit => "audit",
        }
    }

    /// The table of its entries.
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Requests => "request_entries",
            Self::Audit => "audit_entries",
        }
    }
}
