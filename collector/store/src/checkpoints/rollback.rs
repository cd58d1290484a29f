//! Databases that went back: a witness has seen more of a log than the database has.

use super::{is_rolled_back, newest_checkpoint};
use crate::audit::append;
use headgate_collector_db::{Db, StoreError, params};
use headgate_collector_tree::WitnessKey;
use headgate_collector_types::Log;
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Outcome, Resource};
use serde_json::json;

/// Notes that a witness has confirmed a checkpoint of `seen` entries, if the database has no checkpoint of as many. Such a
/// checkpoint was stored before the witness got it, so the database is an older one. Returns whether it is new.
///
/// # Errors
/// The store cannot be written.
pub fn note_rollback(tx: &Db, log: Log, witness: &WitnessKey, seen: u64, now: i64) -> Result<bool, StoreError> {
    let signed = newest_checkpoint(tx, log)?.map_or(0, |newest| newest.size);
    if seen <= signed || is_rolled_back(tx, log)? {
        return Ok(false);
    }
    let number = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
    tx.prepare_cached("INSERT INTO tree_rollbacks (log, witness, seen, signed, found_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![log.as_str(), witness.to_string(), number(seen), number(signed), now])?;
    let resource = Resource::new("log", log.as_str());
    let mut entry = Entry::new("tree.rolled_back", Operation::Other, Actor::system(), resource);
    entry.outcome = Outcome::Failure;
    let change = |path: &str, before, after| Change { path: path.to_owned(), before, after };
    entry.changes = vec![
        change("size", Some(json!(seen)), Some(json!(signed))),
        change("witness", None, Some(json!(witness.to_string()))),
    ];
    append(tx, &entry)?;
    Ok(true)
}
