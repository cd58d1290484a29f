//! Usage: what was asked for, what it took and what it cost, counted when a record is stored.
//!
//! Adding up the log when somebody asks would read all of it, and would forget what retention has removed. So each group of
//! batches adds its new records, in its own transaction, to rollups: one row for each distinct combination of
//! [dimensions] that was seen in a quarter of an hour, and one for each day of UTC. A record that comes twice is
//! stored and counted once; one that comes late counts at the time it began.
//!
//! A quarter of an hour is the longest span of which the days of every time zone consist; whole days of UTC are there so that
//! a year is read quickly. A row is some 50 bytes while few records are in it and some 500 when it is full, and each record
//! adds two rows at most: a fraction of what the log itself takes. Nothing drops them: they outlast the records, so that last
//! year's bill can be shown. Their texts stand in `names`, which must outlast the records too.

mod anew;
mod calendar;
mod correct;
mod dimensions;
mod histogram;
mod read;
mod tally;
mod totals;
mod unreadable;

pub(super) use anew::Anew;
pub use calendar::{Calendar, Width};
pub(crate) use correct::correct;
pub(super) use correct::filter;
pub use correct::{MOST_SECONDS, UsageChange, UsageCorrected};
pub use dimensions::GroupBy;
pub use histogram::Histogram;
pub use read::{UsageBucket, UsagePage, UsageQuery, UsageRow, usage, usage_total};
pub(super) use tally::Tally;
pub use totals::{Counter, Totals};
pub(super) use unreadable::drop_unreadable;

/// The shortest span that is counted by itself, seconds.
pub const QUARTER_S: i64 = 900;
const DAY_S: i64 = 86_400;

/// Rows of which span; the number stands in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
enum Level {
    /// A quarter of an hour.
    Quarter,
    /// A day of UTC.
    Day,
}

impl Level {
    const fn seconds(self) -> i64 {
        match self {
            Self::Quarter => QUARTER_S,
            Self::Day => DAY_S,
        }
    }

    /// The beginning of the span that a time lies in, seconds.
    const fn start_of(self, second: i64) -> i64 {
        second.div_euclid(self.seconds()).saturating_mul(self.seconds())
    }
}
