//! The store: one database, one writer, a few readers.
//!
//! A commit per batch would spend its time waiting for the disk, and many writers would wait for each other's lock. So one
//! thread owns the only writing connection and commits what has queued up meanwhile in one transaction; nobody hears
//! of success before that transaction is on disk. Readers have connections of their own and never block the writer. The
//! database is a file of SQLite's, or one of PostgreSQL's that several collectors share; see `db`.

pub(crate) mod audit;
mod check;
mod columns;
mod conflicts;
mod corrections;
mod damage;
mod dataplanes;
pub mod db;
mod derived;
mod error;
mod file;
mod findable;
mod gaps;
mod known_time;
mod leaf;
mod location;
mod names;
mod overview;
mod policies;
mod read;
mod readers;
mod rebuild;
mod retention;
mod salvage;
mod schema;
mod senders;
mod tokens;
mod usage;
mod varint;
mod witness;
mod write;

pub use audit::{
    ActorFilter, AuditPage, AuditQuery, AuditRow, NameFilter, Ready, audit_position, find_audit, list_audit,
    next_audit_position, unknown_actor,
};
pub use check::{Checked, check};
pub use columns::{Column, FacetQuery, Facets, Filter, Range, Spread, facets};
pub use conflicts::tell_conflicts;
pub(crate) use conflicts::{Conflict, Delivery};
pub(crate) use corrections::keep_correction;
pub use corrections::{Correction, CountChange, Listed, corrections, find_correction, usage_filters};
pub use damage::{DamageWatch, Damaged, Finding, Kind, Log, Scrub, damage};
pub use dataplanes::{Beat, DataPlane, PlaneState, Worker, WorkerState, data_planes, take_heartbeat};
pub use db::{BadUrl, Db, Server, copy as copies};
pub use error::{StoreError, TlsFault};
pub use gaps::{Dropped, Ended, Gap, GapPage, GapPlace, GapQuery, GapState, Silent};
pub use gaps::{gaps, note_silent, note_unknown_ends, silent, tell_gaps, unknown_ends};
pub use known_time::{KnownTime, Leap, confirm_time, known_time, note_time, time_to_delete_by};
pub use leaf::{Kept, Leaf, leaf};
pub use location::Location;
pub use overview::{Overview, overview};
pub use policies::{
    NewPolicy, PolicyName, PolicyRevision, PolicyText, Put, policy_at, policy_in_force, policy_of_request,
    policy_revision, policy_revisions, policy_text, put_policy,
};
pub use read::{ListQuery, Order, Page, find, forward, list, next_position};
pub use readers::Readers;
pub use retention::{
    Choice, Expired, Forgotten, Hold, Reached, Settings, Stamp, choose, covered, delete, drop_day, empty_days, expired,
    finish_run, forget, forgotten, holds, place_hold, release_hold, retention, set_retention,
};
pub(crate) use senders::{Claim, REPORTS, claim};
pub use senders::{Sender, line_of};
pub use tokens::{
    KnownToken, Revoked, Role, TokenHash, TokenInfo, TokenRequest, add_token, has_owner, has_token, hash_token,
    known_token, new_token, note_use, revoke_token, token_id, tokens,
};
pub(crate) use usage::correct as correct_usage;
pub use usage::{
    Calendar, Counter, GroupBy, Histogram, MOST_SECONDS, QUARTER_S, Totals, UsageBucket, UsageChange, UsageCorrected,
    UsagePage, UsageQuery, UsageRow, Width, usage, usage_total,
};
pub use write::{Held, WriteHandle, WriteMetrics, WriterThread};

use std::path::{Path, PathBuf};

/// Everything a running service needs of its store.
#[derive(Debug)]
pub struct Store {
    /// Where batches go.
    pub writes: WriteHandle,
    /// Where pages come from.
    pub readers: Readers,
    /// Ends once every [`WriteHandle`] is gone and what was queued is committed.
    pub thread: WriterThread,
}

impl Store {
    /// Opens the store, making or upgrading its tables if needed, and starts the writer. A file that is damaged is set aside,
    /// and what is whole in it put into a new one.
    ///
    /// # Errors
    /// The store cannot be written, or it is from a newer version.
    pub fn open(location: impl Into<Location>, metrics: WriteMetrics) -> Result<Self, StoreError> {
        let location = location.into();
        let lock = location.make_whole()?;
        let db = location.writer()?;
        let file = location.file(lock)?;
        let readers = Readers::new(&location);
        let (writes, thread) = write::start(db, location, file, metrics)?;
        Ok(Self { writes, readers, thread })
    }
}

/// The database's file in a data folder.
#[must_use]
pub fn database(data: &Path) -> PathBuf {
    file::database(data)
}

/// Makes the data folder, if it is missing.
///
/// # Errors
/// It cannot be made.
pub fn make_folder(data: &Path) -> Result<(), StoreError> {
    file::make_folder(data)
}

/// Steps that the tables of this version have taken.
#[must_use]
pub fn schema_version() -> i64 {
    schema::version()
}

/// A connection that may write, for the commands that work on the store without a running service.
///
/// # Errors
/// As for [`Store::open`].
pub fn open_writer(location: impl Into<Location>) -> Result<Db, StoreError> {
    location.into().writer()
}

/// Runs `work` in a transaction of its own, for the commands.
///
/// # Errors
/// The store cannot be written, or those of `work`; nothing has changed then.
pub fn change<T>(db: &mut Db, work: impl FnOnce(&Db) -> Result<T, StoreError>) -> Result<T, StoreError> {
    let transaction = db.transaction()?;
    let done = work(&transaction)?;
    transaction.commit()?;
    Ok(done)
}
