//! What is missing: numbers that a sender gave to records that never came.
//!
//! Holes could be computed from the numbers that are stored, but only as long as nothing is deleted, and nobody could be
//! told of a hole that has been filled since. So they are kept: a batch that leaves a hole or fills one says so in its own
//! transaction; any other batch, which is nearly all of them, costs nothing.
//!
//! A hole at the end shows in no later record. Heartbeats tell of it: see `end`.

mod boot;
mod close;
mod end;
mod keep;
mod list;
mod news;
mod silence;

pub(super) use boot::Boot;
pub(super) use close::is_missing;
pub(super) use end::note_end;
pub use end::{Silent, note_silent, silent};
pub(super) use keep::{account, lose};
pub use list::{Dropped, Gap, GapPage, GapPlace, GapQuery, GapState, gaps};
pub use news::tell_gaps;
pub(super) use news::{News, count_news};
pub(super) use silence::is_heard;
pub use silence::{Ended, note_unknown_ends, unknown_ends};

/// Records of a run of numbers, both ends included.
const fn records(first_seq: i64, last_seq: i64) -> i64 {
    last_seq.saturating_sub(first_seq).saturating_add(1)
}
