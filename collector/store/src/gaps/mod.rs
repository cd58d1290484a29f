//! Gaps: numbers that a sender gave to records that did not arrive.
//!
//! Gaps could be computed from the stored numbers, but only until records are deleted, and a gap that was filled later
//! could not be shown. So gaps are stored. A batch that opens or closes a gap writes that in its own transaction. Nearly
//! all batches do neither and cost nothing.
//!
//! No later record shows a gap at the end. Heartbeats do; see `trailing`.

mod accounting;
mod boot;
mod close;
mod gap_audit;
mod list;
mod trailing;
mod unknown_end;

pub(crate) use accounting::account;
pub use accounting::mark_lost;
pub use boot::Boot;
pub(crate) use close::is_missing;
pub use gap_audit::audit_gaps;
pub use gap_audit::{GapCounts, add_gap_counts};
pub use list::{Dropped, Gap, GapPage, GapPlace, GapQuery, GapState, gaps};
pub(crate) use trailing::note_trailing;
pub use trailing::{SilentWorker, note_silent_workers, silent_workers};
pub(crate) use unknown_end::close_unknown_end;
pub use unknown_end::{UnknownEnd, note_unknown_ends, unknown_ends};

/// Returns the number of records in a run of numbers, both ends included.
const fn records(first_seq: i64, last_seq: i64) -> i64 {
    last_seq.saturating_sub(first_seq).saturating_add(1)
}
