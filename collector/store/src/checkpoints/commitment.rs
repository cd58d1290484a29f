//! The state of the request tree in the audit log. With it, a checkpoint of the audit log alone commits to both logs.

use crate::audit::append;
use crate::tree::tree_state;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_tree::encode_base64;
use headgate_collector_types::Log;
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Resource};
use serde_json::json;

/// The time between two entries, in µs.
const INTERVAL: i64 = 3_600_000_000;

/// Notes size and root of the request tree in the audit log, if the last note is an hour old and the tree has grown since.
/// Returns whether it did.
///
/// # Errors
/// The store cannot be written.
pub fn note_request_tree(tx: &Db, now: i64) -> Result<bool, StoreError> {
    let mut select = tx.prepare_cached("SELECT size, noted_at FROM tree_in_audit WHERE id = 1")?;
    let (noted, noted_at): (u64, i64) = select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some(tree) = tree_state(tx, Log::Requests)?.filter(|tree| tree.size != noted) else { return Ok(false) };
    // A clock that was set back is no reason to wait longer.
    if (0..INTERVAL).contains(&now.saturating_sub(noted_at)) {
        return Ok(false);
    }
    let resource = Resource::new("log", Log::Requests.as_str());
    let mut entry = Entry::new("tree.checkpointed", Operation::Other, Actor::system(), resource);
    let change = |path: &str, after| Change { path: path.to_owned(), before: None, after: Some(after) };
    entry.changes = vec![change("size", json!(tree.size)), change("root", json!(encode_base64(&tree.root)))];
    append(tx, &entry)?;
    let size = i64::try_from(tree.size).unwrap_or(i64::MAX);
    tx.prepare_cached("UPDATE tree_in_audit SET size = ?1, noted_at = ?2 WHERE id = 1")?.execute([size, now])?;
    Ok(true)
}
