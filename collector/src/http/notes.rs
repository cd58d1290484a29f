//! Looking is noted too: who read which record, who searched for what, whom a route was denied.
//!
//! An entry for each page of a search would bury everything else, so searches with the same filters are folded by actor and
//! minute: the first is written at once, before its answer leaves; the others become one entry with a count when the minute is
//! over. Other filters are another entry, so no search hides behind one that came before it; and because entries take room,
//! an actor may bring only so many different filters a minute: beyond that a search is refused, not answered unnoted.
//!
//! A store that cannot be written must not blind those who have to see what is wrong, so reading goes on then, after a moment
//! also where the disk says nothing at all; what could not be noted waits in memory and is written as soon as it can be; what
//! finds no room there is lost, and counted in `/metrics`.

mod filters;

use super::App;
use super::auth::Caller;
use super::error::ApiError;
use crate::audit::{self, Entry, Operation, Outcome, Resource};
use crate::clock;
use crate::store::{Db, StoreError, WriteHandle};
use axum::http::StatusCode;
use filters::Filters;
use prometheus_client::metrics::counter::Counter;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Entries that may wait for the disk.
const WAITING: usize = 10_000;
/// Different filters that one actor may bring in a minute, and bytes of them.
const MOST_FILTERS: usize = 600;
const MOST_FILTER_BYTES: usize = 256 << 10;
const MINUTE_US: i64 = 60_000_000;
/// Longest wait for a note to be on disk before the answer leaves all the same.
const NOTE_TIME: Duration = Duration::from_secs(2);
/// Pause between two looks for minutes that are over.
const SWEEP: Duration = Duration::from_secs(5);

/// What is not written yet.
#[derive(Debug, Clone)]
pub(super) struct Notes {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    folded: HashMap<Search, Folded>,
    spent: HashMap<String, Spent>,
    waiting: Vec<Entry>,
    dropped: Counter,
}

/// What is folded into one entry: the actor, the kind of search and the digest of its filters.
type Search = (String, &'static str, [u8; 32]);

/// Searches that are alike, in one minute, beyond the first.
#[derive(Debug)]
struct Folded {
    minute: i64,
    count: u64,
    latest: Entry,
}

/// How many different filters an actor has brought in a minute.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    minute: i64,
    filters: usize,
    bytes: usize,
}

/// What becomes of a search's note.
#[derive(Debug, PartialEq)]
enum Noted {
    /// It is the first of its kind in its minute: write it.
    First(Box<Entry>),
    /// It is counted with one that is written already.
    Folded,
    /// The actor has brought too many different filters.
    TooMany,
}

impl Notes {
    /// None yet. `dropped` counts what is lost.
    pub(super) fn new(dropped: Counter) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { dropped, ..Inner::default() })) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many entries wait for the disk.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Takes a search in.
    fn fold(&self, entry: Entry, kind: &'static str, digest: [u8; 32], minute: i64) -> Noted {
        let mut inner = self.lock();
        let key = (entry.actor.id.clone(), kind, digest);
        if let Some(folded) = inner.folded.get_mut(&key).filter(|folded| folded.minute == minute) {
            folded.count += 1;
            folded.latest = entry;
            return Noted::Folded;
        }
        // Routes are few, and a denial is noted whatever its actor has searched for.
        if entry.outcome != Outcome::Denied && !inner.spend(&entry, minute) {
            return Noted::TooMany;
        }
        let first = Folded { minute, count: 0, latest: entry.clone() };
        if let Some(over) = inner.folded.insert(key, first).and_then(Folded::entry) {
            inner.wait(over);
        }
        Noted::First(Box::new(entry))
    }

    /// Whether the actor of an entry that is not folded may leave one more in this minute.
    fn may_leave(&self, entry: &Entry, minute: i64) -> bool {
        self.lock().spend(entry, minute)
    }

    /// Everything that is to be written by `now`.
    fn due(&self, now: i64) -> Vec<Entry> {
        let mut inner = self.lock();
        let minute = now / MINUTE_US;
        inner.spent.retain(|_, spent| spent.minute >= minute);
        let over: Vec<_> = inner.folded.extract_if(|_, folded| folded.minute < minute).collect();
        for entry in over.into_iter().filter_map(|(_, folded)| folded.entry()) {
            inner.wait(entry);
        }
        std::mem::take(&mut inner.waiting)
    }

    fn put_back(&self, entries: Vec<Entry>) {
        let mut inner = self.lock();
        entries.into_iter().for_each(|entry| inner.wait(entry));
    }
}

impl Inner {
    fn wait(&mut self, entry: Entry) {
        if self.waiting.len() < WAITING {
            self.waiting.push(entry);
        } else {
            self.dropped.inc();
        }
    }

    /// Takes one more set of filters from what an actor may bring in a minute; false if there is nothing left.
    fn spend(&mut self, entry: &Entry, minute: i64) -> bool {
        let spent = self.spent.entry(entry.actor.id.clone()).or_default();
        if spent.minute != minute {
            *spent = Spent { minute, ..Spent::default() };
        }
        spent.filters += 1;
        spent.bytes += entry.resource.name.as_ref().map_or(0, String::len);
        spent.filters <= MOST_FILTERS && spent.bytes <= MOST_FILTER_BYTES
    }
}

impl Folded {
    fn entry(self) -> Option<Entry> {
        let Self { count, mut latest, .. } = self;
        latest.count = Some(count);
        (count > 0).then_some(latest)
    }
}

fn too_many_searches() -> ApiError {
    let message = format!(
        "Every search is noted in the audit log, and this token has brought {MOST_FILTERS} different filters in this minute, \
         or very long ones. Search again in a minute; pages of one search count once."
    );
    ApiError::invalid(StatusCode::TOO_MANY_REQUESTS, "too_many_searches", message)
}

impl App {
    /// Notes a search; `query` is the query string as it was accepted.
    pub(super) async fn note_search(
        &self,
        caller: &Caller,
        kind: &'static str,
        resource: Resource,
        query: &str,
    ) -> Result<(), ApiError> {
        let Filters { shown, digest } = Filters::of_search(query);
        let resource = if shown.is_empty() { resource } else { resource.named(shown) };
        self.note_folded(Entry::new(kind, Operation::Search, caller.actor(), resource), kind, digest).await
    }

    /// Notes that everything that a query string asks for was taken out.
    pub(super) async fn note_export(
        &self,
        caller: &Caller,
        kind: &str,
        log: Resource,
        format: &str,
        query: &str,
    ) -> Result<(), ApiError> {
        let resource = log.named(format!("{format} {}", Filters::of_export(query).shown).trim_end());
        let entry = Entry::new(kind, Operation::Export, caller.actor(), resource);
        if !self.notes.may_leave(&entry, clock::now_us() / MINUTE_US) {
            return Err(too_many_searches());
        }
        self.note(entry).await;
        Ok(())
    }

    /// Notes that a token's role was not enough for a route.
    pub(super) async fn note_denied(&self, caller: &Caller, route: &str) {
        let kind = "access.denied";
        let mut entry =
            Entry::new(kind, Operation::Access, caller.actor(), Resource::new("route", "collector").named(route));
        entry.outcome = Outcome::Denied;
        entry.code = Some("role_not_allowed".to_owned());
        // It is denied in any case; there are only so many routes.
        let _ = self.note_folded(entry, kind, Filters::of_search(&format!("route={route}")).digest).await;
    }

    async fn note_folded(&self, entry: Entry, kind: &'static str, digest: [u8; 32]) -> Result<(), ApiError> {
        match self.notes.fold(entry, kind, digest, clock::now_us() / MINUTE_US) {
            Noted::First(entry) => self.note(*entry).await,
            Noted::Folded => {}
            Noted::TooMany => return Err(too_many_searches()),
        }
        Ok(())
    }

    /// Writes an entry, or keeps it until it can be written.
    pub(super) async fn note(&self, entry: Entry) {
        let mut entries = self.notes.due(clock::now_us());
        entries.push(entry);
        self.write_notes(entries).await;
    }

    /// Writes entries. That goes on by itself where nobody waits for it any more: whoever looked may be gone before the disk has
    /// said whether it takes the note, and those of others with it.
    async fn write_notes(&self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        let (writes, notes) = (self.writes.clone(), self.notes.clone());
        let written = tokio::spawn(write(writes, notes, entries));
        let _ = tokio::time::timeout(NOTE_TIME, written).await;
    }

    /// Writes what is due, now and then, for as long as it is polled.
    pub(super) async fn keep_notes(self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            self.write_notes(self.notes.due(clock::now_us())).await;
        }
    }

    /// Writes everything, also what belongs to the running minute: for the end.
    pub(super) async fn finish_notes(&self) {
        self.write_notes(self.notes.due(i64::MAX)).await;
    }
}

async fn write(writes: WriteHandle, notes: Notes, mut entries: Vec<Entry>) {
    // A commit of which nobody knows whether it came to pass is made again: the id makes one entry of both.
    for entry in entries.iter_mut().filter(|entry| entry.id.is_empty()) {
        entry.id = audit::new_id(clock::now_us()).unwrap_or_default();
    }
    let entries = Arc::new(entries);
    let shared = Arc::clone(&entries);
    if writes.transact(move |tx| append_all(tx, &shared)).await.is_err() {
        notes.put_back(Arc::unwrap_or_clone(entries));
    }
}

fn append_all(tx: &Db, entries: &[Entry]) -> Result<(), StoreError> {
    for entry in entries {
        audit::append(tx, entry)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Actor;

    fn search(filters: &str) -> (Entry, [u8; 32]) {
        let Filters { shown, digest } = Filters::of_search(filters);
        let resource = Resource::new("log", "requests").named(shown);
        (Entry::new("requests.searched", Operation::Search, Actor::command(), resource), digest)
    }

    fn fold(notes: &Notes, filters: &str, minute: i64) -> Noted {
        let (entry, digest) = search(filters);
        notes.fold(entry, "requests.searched", digest, minute)
    }

    #[test]
    fn equal_searches_are_one_entry_with_a_count() {
        let notes = Notes::new(Counter::default());
        assert!(matches!(fold(&notes, "team=a&limit=1", 7), Noted::First(_)));
        assert_eq!(fold(&notes, "after=c1_1&team=a", 7), Noted::Folded);
        assert_eq!(fold(&notes, "team=a", 7), Noted::Folded);
        assert!(matches!(fold(&notes, "team=b", 7), Noted::First(_)));
        let due = notes.due(8 * MINUTE_US);
        assert_eq!(due.len(), 1, "the other one stands alone");
        assert_eq!((due[0].count, due[0].resource.name.as_deref()), (Some(2), Some("team=a")));
    }

    #[test]
    fn a_search_that_cannot_be_noted_is_refused() {
        let notes = Notes::new(Counter::default());
        for number in 0..MOST_FILTERS {
            assert!(matches!(fold(&notes, &format!("q={number}"), 7), Noted::First(_)), "{number}");
        }
        assert_eq!(fold(&notes, "q=one-more", 7), Noted::TooMany);
        assert_eq!(fold(&notes, "q=5", 7), Noted::Folded, "what is noted already costs nothing");
        assert!(matches!(fold(&notes, "q=one-more", 8), Noted::First(_)));
        assert_eq!(notes.due(i64::MAX).len(), 1, "the fold of q=5");
    }
}
