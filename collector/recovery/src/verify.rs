//! Verifies both logs from their bytes: each entry against its hash, the tree against the entries, and each checkpoint against the
//! tree and its signature. It trusts nothing that is stored beside the entries.

mod checkpoints;
mod commitment;
mod log_walk;

pub use headgate_collector_tree::{Check, Judgement, Verdict};

use checkpoints::SignedStates;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{self as store, Location, file, schema};
use headgate_collector_tree::VerifyingKey;
use headgate_collector_types::Log;
use log_walk::LogWalk;
use std::cmp::Ordering;

/// Verifies the logs of a store. `trusted` is the public key that the caller has from elsewhere.
///
/// # Errors
/// The database cannot be opened, or its schema is of another version.
pub fn verify(location: &Location, trusted: Option<&VerifyingKey>) -> Result<Verdict, StoreError> {
    let mut db = match location {
        Location::Folder(folder) => Db::sqlite_reader(&file::database(folder))?,
        Location::Server(server) => Db::postgres_reader(server)?,
    };
    // A file has a mark beside its version, and a server has none.
    let is_current = match db.schema_version()?.cmp(&store::schema_version()) {
        Ordering::Greater => return Err(StoreError::Newer),
        order => order == Ordering::Equal && (db.is_shared() || schema::is_current(&db)?),
    };
    if !is_current {
        return Err(StoreError::Older);
    }
    // One snapshot for everything, also while the service runs.
    db.begin_reading()?;
    let mut verdict = Verdict::default();
    let key = key(&db, trusted, &mut verdict)?;
    let mut commitments = Vec::new();
    for log in [Log::Audit, Log::Requests] {
        let states = SignedStates::new(&db, log, key.as_ref(), std::mem::take(&mut commitments));
        commitments = LogWalk::new(&db, log, states).run(&mut verdict)?;
    }
    Ok(verdict)
}

/// Returns the key that checkpoints are verified with.
fn key(db: &Db, trusted: Option<&VerifyingKey>, verdict: &mut Verdict) -> Result<Option<VerifyingKey>, StoreError> {
    let stored = store::log_key(db)?;
    match (trusted, &stored) {
        (Some(trusted), Some(stored)) if trusted.to_string() != *stored => {
            verdict.add(Check::contradicted("key", "the logs were signed with another key than the one you gave"));
        }
        (None, Some(_)) => verdict.add(Check::holds(
            "key",
            "signatures are checked with the key in the database itself; give --public-key to check them with yours",
        )),
        (_, None) => verdict.add(Check::holds("key", "not signed: no log key is configured")),
        _ => verdict.add(Check::holds("key", "the logs are signed by the operator only, with the key that you gave")),
    }
    let stored = stored.and_then(|text| VerifyingKey::parse(&text).ok());
    Ok(trusted.cloned().or(stored))
}
