//! Trees that contradict a checkpoint.

use super::SignedCheckpoint;
use crate::audit::append;
use headgate_collector_db::{Db, StoreError, params};
use headgate_collector_tree::{Hash, encode_base64};
use headgate_collector_types::Log;
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Outcome, Resource};
use serde_json::{Value, json};

/// Notes that the tree contradicts a checkpoint, and reports it in the audit log the first time. Returns whether it is new.
///
/// # Errors
/// The store cannot be written.
pub fn note_fork(
    tx: &Db,
    log: Log,
    signed: &SignedCheckpoint,
    found: Option<&Hash>,
    now: i64,
) -> Result<bool, StoreError> {
    let size = i64::try_from(signed.size).unwrap_or(i64::MAX);
    let new = tx
        .prepare_cached("INSERT INTO tree_forks (log, size, found_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![log.as_str(), size, now])?;
    if new == 0 {
        return Ok(false);
    }
    let mut entry = Entry::new("tree.forked", Operation::Other, Actor::system(), Resource::new("log", log.as_str()));
    entry.outcome = Outcome::Failure;
    let root = |root: Option<&Hash>| root.map_or(Value::Null, |root| json!(encode_base64(root)));
    let change = |path: &str, before, after| Change { path: path.to_owned(), before, after };
    entry.changes = vec![
        change("size", Some(json!(signed.size)), None),
        change("root", Some(root(Some(&signed.root))), Some(root(found))),
    ];
    append(tx, &entry)?;
    Ok(true)
}
