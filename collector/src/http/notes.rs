//! Looking is noted too: who read which record, who searched for what, whom a route was denied.
//!
//! An entry for each search would bury everything else, so searches are folded by actor and minute: the first is written
//! at once, before its answer leaves; the others of that minute become one entry when it is over. A store that cannot be
//! written must not blind those who have to see what is wrong, so reading goes on then, after a moment also where the disk
//! says nothing at all; what could not be noted waits in memory and is written as soon as it can be; what finds no room
//! there is lost, and counted in `/metrics`.

use super::App;
use super::auth::Caller;
use crate::audit::{self, Entry, Operation, Outcome, Resource};
use crate::clock;
use crate::store::{Db, StoreError, WriteHandle};
use prometheus_client::metrics::counter::Counter;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Entries that may wait for the disk.
const WAITING: usize = 10_000;
/// Characters of all filters that a folded entry names.
const FILTER_CHARS: usize = 256;
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
    folded: HashMap<(String, &'static str), Folded>,
    waiting: Vec<Entry>,
    dropped: Counter,
}

/// The searches of one actor in one minute, beyond the first.
#[derive(Debug)]
struct Folded {
    minute: i64,
    count: u64,
    filters: BTreeSet<String>,
    latest: Entry,
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

    /// Takes a search in; gives it back if it is the first of its minute.
    fn fold(&self, entry: Entry, kind: &'static str, minute: i64) -> Option<Entry> {
        let mut inner = self.lock();
        let key = (entry.actor.id.clone(), kind);
        match inner.folded.get_mut(&key) {
            Some(folded) if folded.minute == minute => {
                folded.add(entry);
                None
            }
            _ => {
                let first = Folded { minute, count: 0, filters: BTreeSet::new(), latest: entry.clone() };
                if let Some(over) = inner.folded.insert(key, first).and_then(Folded::entry) {
                    inner.wait(over);
                }
                Some(entry)
            }
        }
    }

    /// Everything that is to be written by `now`.
    fn due(&self, now: i64) -> Vec<Entry> {
        let mut inner = self.lock();
        let minute = now / MINUTE_US;
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
}

impl Folded {
    fn add(&mut self, entry: Entry) {
        self.count += 1;
        // What would not be shown is not kept, once it shows that there is more.
        if self.filters.iter().map(String::len).sum::<usize>() <= FILTER_CHARS {
            self.filters.extend(entry.resource.name.clone());
        }
        self.latest = entry;
    }

    fn entry(self) -> Option<Entry> {
        let Self { count, filters, mut latest, .. } = self;
        let names = cut(&filters.into_iter().collect::<Vec<_>>().join(" "));
        latest.resource.name = (!names.is_empty()).then_some(names);
        latest.count = Some(count);
        (count > 0).then_some(latest)
    }
}

/// A query string as an entry names it: who searches for a credential that leaked must not leave it there.
fn shown_filter(query: &str) -> String {
    cut(&audit::mask_text(query))
}

/// As much as an entry names; an ellipsis tells that there was more.
fn cut(filter: &str) -> String {
    match filter.char_indices().nth(FILTER_CHARS) {
        Some((end, _)) => format!("{}…", filter.get(..end).unwrap_or_default()),
        None => filter.to_owned(),
    }
}

impl App {
    /// Notes a search; `filter` is the query string as it was accepted.
    pub(super) async fn note_search(&self, caller: &Caller, kind: &'static str, resource: Resource, filter: &str) {
        let filter = shown_filter(filter);
        let resource = if filter.is_empty() { resource } else { resource.named(filter) };
        self.note_folded(Entry::new(kind, Operation::Search, caller.actor(), resource), kind).await;
    }

    /// Notes that everything that a query string asks for was taken out.
    pub(super) async fn note_export(&self, caller: &Caller, kind: &str, log: Resource, format: &str, query: &str) {
        let resource = log.named(format!("{format} {}", shown_filter(query)).trim_end());
        self.note(Entry::new(kind, Operation::Export, caller.actor(), resource)).await;
    }

    /// Notes that a token's role was not enough for a route.
    pub(super) async fn note_denied(&self, caller: &Caller, route: &str) {
        let kind = "access.denied";
        let mut entry =
            Entry::new(kind, Operation::Access, caller.actor(), Resource::new("route", "collector").named(route));
        entry.outcome = Outcome::Denied;
        entry.code = Some("role_not_allowed".to_owned());
        self.note_folded(entry, kind).await;
    }

    async fn note_folded(&self, entry: Entry, kind: &'static str) {
        if let Some(first) = self.notes.fold(entry, kind, clock::now_us() / MINUTE_US) {
            self.note(first).await;
        }
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
