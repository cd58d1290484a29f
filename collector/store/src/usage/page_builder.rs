//! A page of usage while it is filled, bucket by bucket.

use super::query::UsageBucket;
use super::totals::Totals;

/// The number of buckets of histograms after which a page ends, of 8 bytes each.
const MAX_PAGE_HISTOGRAM: usize = 2_000_000;

/// The buckets of a page while it is filled.
#[derive(Default)]
pub(super) struct PageBuilder<'b> {
    pub(super) done: Vec<UsageBucket>,
    /// The buckets that are not finished, as (start, end) in seconds.
    pub(super) pending: &'b [(i64, i64)],
    /// The totals of the first unfinished bucket.
    pub(super) open: Vec<Totals>,
    /// The results in finished buckets, the results that make a page full, and the buckets of their histograms.
    pub(super) rows: usize,
    pub(super) max_rows: usize,
    pub(super) histograms: usize,
}

impl PageBuilder<'_> {
    /// Returns the start and end of the bucket that is being filled; `None` if the page is full.
    pub(super) fn bucket(&self) -> Option<(i64, i64)> {
        let is_full = self.rows >= self.max_rows || self.histograms >= MAX_PAGE_HISTOGRAM;
        self.pending.first().copied().filter(|_| !is_full)
    }
}
