//! Verifies both logs from their bytes: each entry against its hash, the tree against the entries, and each checkpoint against the
//! tree and its signature. It trusts nothing that is stored beside the entries.

mod checkpoints;
mod commitment;
mod log_walk;

pub use headgate_collector_tree::{Check, Judgement, Verdict};

use checkpoints::SignedStates;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{self as store, Location, LogKeys, file, schema};
use headgate_collector_tree::{TlogPolicy, VerifyingKey};
use headgate_collector_types::Log;
use log_walk::LogWalk;
use std::cmp::Ordering;

/// Verifies the logs of a store. `trusted` is the public key that the caller has from elsewhere, and a policy names the witnesses that
/// must have confirmed its newest checkpoints.
///
/// # Errors
/// The database cannot be opened, or its schema is of another version.
pub fn verify(
    location: &Location,
    trusted: Option<&VerifyingKey>,
    policy: Option<&TlogPolicy>,
) -> Result<Verdict, StoreError> {
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
    let keys = keys(&db, trusted, &mut verdict)?;
    for log in Log::ALL {
        if let (Some(policy), Some(shown)) = (policy, store::published_checkpoint(&db, log)?) {
            verdict.add(policy.check(&format!("{} witnesses", log.as_str()), &shown.note));
        }
    }
    let mut commitments = Vec::new();
    for log in [Log::Audit, Log::Requests] {
        let states = SignedStates::new(&db, log, &keys, std::mem::take(&mut commitments));
        commitments = LogWalk::new(&db, log, states).run(&mut verdict)?;
    }
    Ok(verdict)
}

/// Returns whether a witness has confirmed a checkpoint that others get.
fn is_confirmed(db: &Db) -> Result<bool, StoreError> {
    for log in Log::ALL {
        if store::published_checkpoint(db, log)?.is_some_and(|shown| !shown.confirmations.is_empty()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the keys that checkpoints are verified with: the present one, and those that signed before it was rotated.
fn keys(db: &Db, trusted: Option<&VerifyingKey>, verdict: &mut Verdict) -> Result<Vec<VerifyingKey>, StoreError> {
    let LogKeys { present, former } = store::log_keys(db)?;
    let own: Vec<_> = former.into_iter().map(|former| former.key).collect();
    let check = match (trusted, &present) {
        (_, None) => Check::holds("key", "not signed: no log key is configured"),
        (None, Some(_)) => Check::holds(
            "key",
            "signatures are checked with the key in the database itself; give --public-key to check them with yours",
        ),
        (Some(trusted), Some(present)) if trusted == present => {
            let only = if is_confirmed(db)? { "" } else { " only" };
            Check::holds("key", format!("the logs are signed by the operator{only}, with the key that you gave"))
        }
        (Some(trusted), Some(present)) if own.contains(trusted) => Check::unknown(
            "key",
            format!(
                "the key that you gave was replaced by {present}; ask the operator whether that is so, and give the new one"
            ),
        ),
        _ => Check::contradicted("key", "the logs were signed with another key than the one you gave"),
    };
    verdict.add(check);
    // Only keys of the present name can have signed checkpoints that are not set aside.
    let first = trusted.cloned().or(present);
    let name = first.as_ref().map(|key| key.name().to_owned());
    Ok(first.into_iter().chain(own.into_iter().filter(|key| Some(key.name()) == name.as_deref())).collect())
}
