//! The store: one database, one writer and a few readers.
//!
//! With a commit per batch, the writer would mostly wait for the disk, and several writers would wait for each other's
//! lock. So one thread owns the only writing connection and commits the queued jobs in one transaction. It confirms
//! success only once that transaction is on disk. Readers have their own connections and never block the writer. The
//! database is a file of SQLite, or a database of PostgreSQL that several collectors share; see `db`.

mod audit;
mod backfill;
mod checkpoints;
mod conflicts;
pub mod corrections;
pub mod damage;
mod dataplanes;
pub mod file;
pub mod gaps;
pub mod high_water_mark;
mod leaf_hash;
mod location;
mod log_label;
mod overview;
mod packets;
mod policies;
mod read;
mod readers;
pub mod reindex;
pub mod retention;
mod runs;
pub mod schema;
mod senders;
mod sessions;
mod sign_ins;
mod tokens;
pub mod tree;
pub mod trusted_time;
pub mod usage;
mod write;

pub use audit::{
    ActorFilter, Appended, AuditPage, AuditQuery, AuditRow, NameFilter, PreparedEntry, append, append_delivered,
    append_from_sender, audit_position, find_audit, has_unknown_actor, list_audit, new_id, next_audit_position,
};
pub use checkpoints::{
    AnchorFinding, AnchorHealth, AnchorKind, AnchorProof, AnchorReport, Anchored, Confirmation, Draft, EntryProof,
    FormerKey, GrowthProof, KeyRefusal, LockedObject, LogHead, LogKeys, ProofFault, ReadBack, ReadBackState,
    SignedCheckpoint, SigningState, SigningStop, WitnessHealth, WitnessReport, WitnessState, altered_objects,
    anchored_up_to, checkpoints_after, claim_log_key, confirmed_size, draft, is_key_of_logs, key_of, log_key, log_keys,
    newest_anchored, newest_checkpoint, note_fork, note_read_back, note_request_tree, note_rollback, objects_to_read,
    origin, prove_entry, prove_growth, published_checkpoint, put_anchored, put_checkpoint, put_cosignature,
    restart_logs, rotate_log_key,
};
pub use conflicts::audit_conflicts;
pub use conflicts::{Conflict, Delivery};
pub use corrections::store_correction;
pub use corrections::{Correction, CountChange, ListedCorrection, corrections, find_correction, usage_filters};
pub use damage::{DamageKind, DamageWatch, Damaged, DamagedRange, Scrub, damage};
pub use dataplanes::{DataPlane, HeartbeatOutcome, PlaneState, Worker, WorkerState, data_planes, store_heartbeat};
pub use gaps::{Dropped, Gap, GapPage, GapPlace, GapQuery, GapState, SilentWorker, UnknownEnd};
pub use gaps::{audit_gaps, gaps, note_silent_workers, note_unknown_ends, silent_workers, unknown_ends};
pub use leaf_hash::verify as verify_entry;
pub use location::Location;
pub use log_label::LogLabel;
pub use overview::{Completeness, Overview, completeness, oldest_received, overview};
pub use packets::{
    PacketEnd, PacketInfo, PacketState, claim_packet, create_packet, delete_packet, find_packet, finish_packet,
    has_packets_to_make, note_packet, packet_download, packet_key, packets, packets_ended_before, release_packets,
    renew_packet,
};
pub use policies::{
    NewPolicy, PolicyName, PolicyRevision, PolicyText, PolicyUpdate, RevisionCounts, policy_at, policy_in_force,
    policy_of_request, policy_revision, policy_revisions, policy_text, put_policy, revision_counts,
};
pub use read::{
    Order, RequestPage, RequestQuery, find_requests, list_range, list_requests, matching_positions,
    next_request_position, request_positions,
};
pub use readers::Readers;
pub use retention::{
    ExpiredCount, Hold, Prunable, RetentionCursor, RetentionMetrics, RulesVersion, Selection, Settings, complete_run,
    count_covered, count_expired, delete, drop_day, empty_days, find_prunable, holds, place_hold, prune, release_hold,
    retention, select_expired, set_retention,
};
pub use runs::{CollectorRun, begin_run, continue_run, end_run};
pub use senders::line_of;
pub use senders::{Claim, REPORTS, claim};
pub use sessions::{
    FoundSession, KnownPerson, NewSession, SessionHolder, SessionInfo, begin_session, end_session, end_sessions_of,
    find_session, new_session_secret, sessions, touch_session,
};
pub use sign_ins::{finish_sign_in, make_sign_in_key, sign_in_key};
pub use tokens::{
    KnownToken, Revoked, TokenHash, TokenInfo, TokenRequest, add_token, has_owner, has_token, hash_token,
    is_made_token, known_token, new_token, note_use, revoke_token, token_id, token_of, tokens,
};
pub use trusted_time::{ClockSkew, TrustedTime, confirm_clock, deletion_time, note_trusted_time, trusted_time};
pub use usage::correct as correct_usage;
pub use usage::{
    Calendar, Counter, GroupBy, Histogram, MAX_CORRECTION_SECONDS, QUARTER_S, Totals, UsageBucket, UsageChange,
    UsageCorrected, UsagePage, UsageQuery, UsageRow, Width, usage, usage_total,
};
pub use write::{MemoryPermit, WriteHandle, WriteMetrics, WriterThread};

use headgate_collector_db::{Db, StoreError};
use headgate_collector_types::clock::Stopwatch;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest wait at the start for a database's server, which may start with the collector, or be busy.
const SERVER_START: Duration = Duration::from_secs(60);
/// Pause between two tries at the start.
const SERVER_PAUSE: Duration = Duration::from_millis(250);

/// Repairs the database of a folder if it is damaged. Recovery rebuilds a database through the store, so it is
/// implemented above the store and passed in at the start.
pub type RecoverFn = fn(&Path) -> Result<(), StoreError>;

/// The parts of the store that a running service needs.
#[derive(Debug)]
pub struct Store {
    /// Stores batches.
    pub writes: WriteHandle,
    /// Reads pages.
    pub readers: Readers,
    /// Ends once every [`WriteHandle`] is gone and the queued jobs are committed.
    pub thread: WriterThread,
}

impl Store {
    /// Opens the store, creates or upgrades its tables if needed, and starts the writer. `recovery` runs first on a
    /// folder that no other service uses.
    ///
    /// # Errors
    /// The store cannot be written, or it is from a newer version.
    pub fn open(location: impl Into<Location>, metrics: WriteMetrics, recovery: RecoverFn) -> Result<Self, StoreError> {
        let location = location.into();
        let lock = location.recover(recovery)?;
        let db = writer_once_reachable(&location)?;
        let file = location.file(lock)?;
        let readers = Readers::new(&location);
        let (writes, thread) = write::start(db, location, file, metrics)?;
        Ok(Self { writes, readers, thread })
    }
}

/// Returns a connection that may write. Waits for a server that cannot be reached, or has no room or no turn for this
/// collector.
fn writer_once_reachable(location: &Location) -> Result<Db, StoreError> {
    let (watch, mut said) = (Stopwatch::start(), false);
    loop {
        let outcome = location.writer();
        let Err(error @ (StoreError::Unreachable | StoreError::Crowded | StoreError::Locked)) = outcome else {
            return outcome;
        };
        if matches!(location, Location::Folder(_)) || watch.elapsed() > SERVER_START {
            return Err(error);
        }
        if !std::mem::replace(&mut said, true) {
            tracing::warn!("waiting up to {} s for the store in {location}: {error}", SERVER_START.as_secs());
        }
        std::thread::sleep(SERVER_PAUSE);
    }
}

/// Reserves a data folder for work on its files, until the returned lock is dropped.
///
/// # Errors
/// [`StoreError::Locked`] if a service uses the folder, or an error if the folder cannot be written.
pub fn lock(data: &Path) -> Result<File, StoreError> {
    file::lock(data)?.ok_or(StoreError::Locked)
}

/// Returns the path of the database file in a data folder.
#[must_use]
pub fn database(data: &Path) -> PathBuf {
    file::database(data)
}

/// Creates the data folder if it is missing.
///
/// # Errors
/// The folder cannot be created.
pub fn create_folder(data: &Path) -> Result<(), StoreError> {
    file::create_folder(data)
}

/// Returns the version of the tables, which is the number of steps in `schema`.
#[must_use]
pub fn schema_version() -> i64 {
    schema::version()
}

/// Returns a connection that may write, for commands that work on the store without a running service.
///
/// # Errors
/// As for [`Store::open`].
pub fn open_writer(location: impl Into<Location>) -> Result<Db, StoreError> {
    location.into().writer()
}

/// Returns a connection that reads, for work that takes longer than a query of [`Readers`] may.
///
/// # Errors
/// As for [`Store::open`].
pub fn open_reader(location: &Location) -> Result<Db, StoreError> {
    location.reader()
}

/// Runs `work` in its own transaction, for commands.
///
/// # Errors
/// The store cannot be written, or `work` fails. Nothing has changed then.
pub fn change<T>(db: &mut Db, work: impl FnOnce(&Db) -> Result<T, StoreError>) -> Result<T, StoreError> {
    let transaction = db.transaction()?;
    let done = work(&transaction)?;
    transaction.commit()?;
    Ok(done)
}
