//! Folds searches that are alike, and keeps entries until they are written.

use headgate_collector_types::audit::{Entry, Outcome};
use prometheus_client::metrics::counter::Counter;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Entries that may wait for the disk.
const MAX_PENDING: usize = 10_000;
/// Different filters that one actor may bring in a minute, and bytes of them.
pub(super) const MAX_FILTERS: usize = 600;
const MAX_FILTER_BYTES: usize = 256 << 10;
pub(super) const MINUTE_US: i64 = 60_000_000;
/// The entries that are not written yet.
#[derive(Debug, Clone)]
pub(super) struct Coalescer {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    folded: HashMap<SearchKey, FoldedSearch>,
    filter_counts: HashMap<String, FilterCount>,
    pending: Vec<Entry>,
    dropped: Counter,
}

/// The key of searches that are folded into one entry: the actor, the kind of search and the digest of its filters.
type SearchKey = (String, &'static str, [u8; 32]);

/// Searches that are alike, in one minute, beyond the first.
#[derive(Debug)]
struct FoldedSearch {
    minute: i64,
    count: u64,
    latest: Entry,
}

/// The number of different filters of an actor in a minute.
#[derive(Debug, Clone, Copy, Default)]
struct FilterCount {
    minute: i64,
    filters: usize,
    bytes: usize,
}

/// The outcome of noting a search.
#[derive(Debug, PartialEq)]
pub(super) enum FoldOutcome {
    /// It is the first of its kind in its minute: write it.
    First(Box<Entry>),
    /// It is counted with one that is written already.
    Folded,
    /// The actor has brought too many different filters.
    TooMany,
}

impl Coalescer {
    /// Returns one without entries. `dropped` counts lost entries.
    pub(super) fn new(dropped: Counter) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { dropped, ..Inner::default() })) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of entries that are not written yet.
    pub(super) fn pending(&self) -> usize {
        self.lock().pending.len()
    }

    /// Takes a search in.
    pub(super) fn fold(&self, entry: Entry, kind: &'static str, digest: [u8; 32], minute: i64) -> FoldOutcome {
        let mut inner = self.lock();
        let key = (entry.actor.id.clone(), kind, digest);
        if let Some(folded) = inner.folded.get_mut(&key).filter(|folded| folded.minute == minute) {
            folded.count += 1;
            folded.latest = entry;
            return FoldOutcome::Folded;
        }
        // Routes are few, and a denial is noted whatever its actor has searched for.
        if entry.outcome != Outcome::Denied && !inner.count_filters(&entry, minute) {
            return FoldOutcome::TooMany;
        }
        let first = FoldedSearch { minute, count: 0, latest: entry.clone() };
        if let Some(over) = inner.folded.insert(key, first).and_then(FoldedSearch::entry) {
            inner.enqueue(over);
        }
        FoldOutcome::First(Box::new(entry))
    }

    /// Returns whether the actor of an entry that is not folded may add one more in this minute.
    pub(super) fn admits(&self, entry: &Entry, minute: i64) -> bool {
        self.lock().count_filters(entry, minute)
    }

    /// Takes the entries that are due at `now`, in µs: the pending ones and the folded ones of past minutes.
    pub(super) fn due(&self, now: i64) -> Vec<Entry> {
        let mut inner = self.lock();
        let minute = now / MINUTE_US;
        inner.filter_counts.retain(|_, used| used.minute >= minute);
        let over: Vec<_> = inner.folded.extract_if(|_, folded| folded.minute < minute).collect();
        for entry in over.into_iter().filter_map(|(_, folded)| folded.entry()) {
            inner.enqueue(entry);
        }
        std::mem::take(&mut inner.pending)
    }

    pub(super) fn put_back(&self, entries: Vec<Entry>) {
        let mut inner = self.lock();
        entries.into_iter().for_each(|entry| inner.enqueue(entry));
    }
}

impl Inner {
    fn enqueue(&mut self, entry: Entry) {
        if self.pending.len() < MAX_PENDING {
            self.pending.push(entry);
        } else {
            self.dropped.inc();
        }
    }

    /// Counts one more set of filters of an actor in this minute. Returns false if the actor has reached its limit.
    fn count_filters(&mut self, entry: &Entry, minute: i64) -> bool {
        let used = self.filter_counts.entry(entry.actor.id.clone()).or_default();
        if used.minute != minute {
            *used = FilterCount { minute, ..FilterCount::default() };
        }
        used.filters += 1;
        used.bytes += entry.resource.name.as_ref().map_or(0, String::len);
        used.filters <= MAX_FILTERS && used.bytes <= MAX_FILTER_BYTES
    }
}

impl FoldedSearch {
    fn entry(self) -> Option<Entry> {
        let Self { count, mut latest, .. } = self;
        latest.count = Some(count);
        (count > 0).then_some(latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_audit::filters::NotedFilters;
    use headgate_collector_types::audit::{Actor, Operation, Resource};

    fn search(filters: &str) -> (Entry, [u8; 32]) {
        let NotedFilters { shown, digest } = NotedFilters::of_search(filters);
        let resource = Resource::new("log", "requests").named(shown);
        (Entry::new("requests.searched", Operation::Search, Actor::command(), resource), digest)
    }

    fn fold(notes: &Coalescer, filters: &str, minute: i64) -> FoldOutcome {
        let (entry, digest) = search(filters);
        notes.fold(entry, "requests.searched", digest, minute)
    }

    #[test]
    fn equal_searches_are_one_entry_with_a_count() {
        let notes = Coalescer::new(Counter::default());
        assert!(matches!(fold(&notes, "team=a&limit=1", 7), FoldOutcome::First(_)));
        assert_eq!(fold(&notes, "after=c1_1&team=a", 7), FoldOutcome::Folded);
        assert_eq!(fold(&notes, "team=a", 7), FoldOutcome::Folded);
        assert!(matches!(fold(&notes, "team=b", 7), FoldOutcome::First(_)));
        let due = notes.due(8 * MINUTE_US);
        assert_eq!(due.len(), 1, "the other one stands alone");
        assert_eq!((due[0].count, due[0].resource.name.as_deref()), (Some(2), Some("team=a")));
    }

    #[test]
    fn a_search_that_cannot_be_noted_is_refused() {
        let notes = Coalescer::new(Counter::default());
        for number in 0..MAX_FILTERS {
            assert!(matches!(fold(&notes, &format!("q={number}"), 7), FoldOutcome::First(_)), "{number}");
        }
        assert_eq!(fold(&notes, "q=one-more", 7), FoldOutcome::TooMany);
        assert_eq!(fold(&notes, "q=5", 7), FoldOutcome::Folded, "what is noted already costs nothing");
        assert!(matches!(fold(&notes, "q=one-more", 8), FoldOutcome::First(_)));
        assert_eq!(notes.due(i64::MAX).len(), 1, "the fold of q=5");
    }
}
