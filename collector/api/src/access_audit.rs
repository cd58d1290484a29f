//! Reads are noted too: the record and its reader, each search, and denied routes.
//!
//! One entry per page of a search would bury everything else. So searches with the same filters are folded by actor and
//! minute: the first is written at once, before its answer leaves, and the others become one entry with a count at the end of the
//! minute. Other filters make another entry, so an earlier search hides none. Entries take space, so each actor has a limit of
//! different filters per minute. A search beyond it is refused instead of answered without an entry.
//!
//! If the store cannot be written, operators must still be able to read it to find the cause. So reading continues then, after a
//! short wait if the disk does not respond. Entries that could not be written wait in memory and are written as soon as
//! possible. Entries beyond the limit of that queue are lost, and counted in `/metrics`.

mod coalesce;
mod filters;

use super::caller::Caller;
use super::error::ApiError;
use axum::http::StatusCode;
use coalesce::{Coalescer, FoldOutcome, MAX_FILTERS, MINUTE_US};
use filters::NotedFilters;
use headgate_collector_columns::{first_of, segment_of};
use headgate_collector_store::{self as store, PreparedEntry, WriteHandle, append_delivered};
use headgate_collector_types::audit::{Actor, Entry, Operation, Outcome, Resource};
use headgate_collector_types::{Log, clock};
use prometheus_client::metrics::counter::Counter;
use std::time::Duration;

/// Longest wait for a note to be on disk before the answer leaves all the same.
const NOTE_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause between two looks for minutes that are over.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The audit of reads; clones share the waiting entries.
#[derive(Debug, Clone)]
pub(super) struct AccessAudit {
    writes: WriteHandle,
    pending: Coalescer,
}

fn too_many_searches() -> ApiError {
    let message = format!(
        "Every search is noted in the audit log, and this token has brought {MAX_FILTERS} different filters in this minute, \
         or very long ones. Search again in a minute; pages of one search count once."
    );
    ApiError::invalid(StatusCode::TOO_MANY_REQUESTS, "too_many_searches", message)
}

impl AccessAudit {
    /// Returns an audit with no pending entry. `dropped` counts entries that are lost.
    pub(super) fn new(writes: WriteHandle, dropped: Counter) -> Self {
        Self { writes, pending: Coalescer::new(dropped) }
    }

    /// Returns the number of entries that are not written yet.
    pub(super) fn pending(&self) -> usize {
        self.pending.pending()
    }

    /// Notes a search; `query` is the query string as it was accepted.
    pub(super) async fn search(
        &self,
        caller: &Caller,
        kind: &'static str,
        resource: Resource,
        query: Option<&str>,
    ) -> Result<(), ApiError> {
        let NotedFilters { shown, digest } = NotedFilters::of_search(query.unwrap_or_default());
        let resource = if shown.is_empty() { resource } else { resource.named(shown) };
        self.note_folded(Entry::new(kind, Operation::Search, caller.actor(), resource), kind, digest).await
    }

    /// Notes that everything that a query string asks for was taken out.
    pub(super) async fn export(
        &self,
        caller: &Caller,
        kind: &str,
        log: Resource,
        format: &str,
        query: Option<&str>,
    ) -> Result<(), ApiError> {
        let filters = NotedFilters::of_export(query.unwrap_or_default());
        let resource = log.named(format!("{format} {}", filters.shown).trim_end());
        let entry = Entry::new(kind, Operation::Export, caller.actor(), resource);
        if !self.pending.admits(&entry, clock::now_us() / MINUTE_US) {
            return Err(too_many_searches());
        }
        self.note(entry).await;
        Ok(())
    }

    /// Notes that entries were taken out as bundles. Those of one segment and minute are one entry, since a reader of the whole log
    /// takes thousands.
    pub(super) async fn bundle(&self, caller: &Caller, log: Log, position: i64) -> Result<(), ApiError> {
        let kind = match log {
            Log::Requests => "requests.bundles_read",
            Log::Audit => "audit.bundles_read",
        };
        let first = first_of(segment_of(position));
        let last = first_of(segment_of(position).saturating_add(1)).saturating_sub(1);
        let resource = Resource::new("log", log.as_str()).named(format!("bundles of positions {first} to {last}"));
        let digest = NotedFilters::of_search(&format!("log={}&first={first}", log.as_str())).digest;
        self.note_folded(Entry::new(kind, Operation::Export, caller.actor(), resource), kind, digest).await
    }

    /// Notes that a token's role was not enough for a route.
    pub(super) async fn denied(&self, caller: &Caller, route: &str) {
        let kind = "access.denied";
        let mut entry =
            Entry::new(kind, Operation::Access, caller.actor(), Resource::new("route", "collector").named(route));
        entry.outcome = Outcome::Denied;
        entry.code = Some("role_not_allowed".to_owned());
        // It is denied in any case; there are only so many routes.
        let _ = self.note_folded(entry, kind, NotedFilters::of_search(&format!("route={route}")).digest).await;
    }

    /// Notes that a person could not sign in. Tries from one place with the same reason are folded.
    pub(super) async fn refused_session(&self, actor: Actor, route: &str, reason: &'static str, place: &str) {
        let kind = "session.refused";
        let resource = Resource::new("route", "collector").named(route);
        let mut entry = Entry::new(kind, Operation::Access, actor, resource);
        entry.outcome = Outcome::Denied;
        entry.code = Some(reason.to_owned());
        let digest = NotedFilters::of_search(&format!("reason={reason}&place={place}")).digest;
        // It is refused in any case; places are bounded.
        let _ = self.note_folded(entry, kind, digest).await;
    }

    /// Returns whether an actor may leave one more entry like this one in this minute.
    pub(super) fn may_leave(&self, entry: &Entry) -> bool {
        self.pending.admits(entry, clock::now_us() / MINUTE_US)
    }

    async fn note_folded(&self, entry: Entry, kind: &'static str, digest: [u8; 32]) -> Result<(), ApiError> {
        match self.pending.fold(entry, kind, digest, clock::now_us() / MINUTE_US) {
            FoldOutcome::First(entry) => self.note(*entry).await,
            FoldOutcome::Folded => {}
            FoldOutcome::TooMany => return Err(too_many_searches()),
        }
        Ok(())
    }

    /// Writes an entry, or queues it until it can be written.
    pub(super) async fn note(&self, entry: Entry) {
        let mut entries = self.pending.due(clock::now_us());
        entries.push(entry);
        self.write_notes(entries).await;
    }

    /// Writes entries. The write goes on if the caller disconnects before the disk has confirmed it, because it has the notes
    /// of others too.
    async fn write_notes(&self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        let (writes, pending) = (self.writes.clone(), self.pending.clone());
        let written = tokio::spawn(write(writes, pending, entries));
        let _ = tokio::time::timeout(NOTE_TIMEOUT, written).await;
    }

    /// Writes due entries at intervals, as long as it is polled.
    pub(super) async fn run(self) {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            self.write_notes(self.pending.due(clock::now_us())).await;
        }
    }

    /// Writes everything, the running minute included, before the end.
    pub(super) async fn finish(&self) {
        self.write_notes(self.pending.due(i64::MAX)).await;
    }
}

async fn write(writes: WriteHandle, pending: Coalescer, mut entries: Vec<Entry>) {
    // A commit with an unknown outcome is repeated: entries with the same id are stored once.
    for entry in entries.iter_mut().filter(|entry| entry.id.is_empty()) {
        entry.id = store::new_id(clock::now_us()).unwrap_or_default();
    }
    let prepared: Result<Vec<_>, _> = entries.iter().cloned().map(PreparedEntry::new).collect();
    let written = match prepared {
        Ok(prepared) => writes.transact(move |tx| append_delivered(tx, prepared)).await.map(|_| ()),
        Err(error) => Err(error),
    };
    if written.is_err() {
        pending.put_back(entries);
    }
}
