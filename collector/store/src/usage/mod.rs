//! Usage: requests, tokens and costs, counted when a record is stored.
//!
//! A query that added up the log would read all of it and would miss the records that retention has deleted. So each
//! write batch adds its new records, in its own transaction, to rollups: one row for each distinct combination of
//! [dimensions] in a quarter of an hour, and one for each day of UTC. A record that comes twice is stored and counted
//! once. A record that comes late counts at its time of start.
//!
//! A quarter of an hour is the longest span that divides the days of every time zone. Whole days of UTC make a year fast
//! to read. A row takes about 50 bytes with few records and about 500 when it is full, and each record adds at most two
//! rows, which is a fraction of its size in the log. Rows are never dropped. They outlast the records, so that last
//! year's bill can be shown. Their texts are in `names`, which must outlast the records too.

mod calendar;
mod correct;
mod dimensions;
mod histogram;
mod page_builder;
mod query;
mod read;
mod recount;
mod spans;
mod tally;
mod totals;
mod unreadable;

pub use calendar::{Calendar, Width};
pub use correct::correct;
pub(crate) use correct::filter;
pub use correct::{MAX_CORRECTION_SECONDS, UsageChange, UsageCorrected};
pub use dimensions::GroupBy;
pub use histogram::Histogram;
pub use query::{UsageBucket, UsagePage, UsageQuery, UsageRow};
pub use read::{usage, usage_total};
pub(crate) use recount::Recount;
pub(crate) use tally::Tally;
pub use totals::{Counter, Totals};
pub use unreadable::drop_unreadable;

/// The shortest span with its own count, in seconds.
pub const QUARTER_S: i64 = 900;
const DAY_S: i64 = 86_400;

/// The span of a row. The number is part of the format.
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

    /// Returns the start of the span that contains a time, in seconds.
    const fn start_of(self, second: i64) -> i64 {
        second.div_euclid(self.seconds()).saturating_mul(self.seconds())
    }
}
