//! Entries in an answer: intact ones as they are stored, damaged ones by their positions, so that a partial answer does not
//! pass for a complete one.

use super::error::ApiError;
use headgate_collector_store::DamageWatch;
use headgate_collector_types::{Log, StoredEntry};
use serde_json::{Value, json};

/// Writes the intact entries as members of a JSON list.
pub(super) fn write_members<'a>(out: &mut Vec<u8>, entries: impl Iterator<Item = &'a StoredEntry>) {
    for (place, entry) in entries.filter_map(StoredEntry::bytes).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(entry);
    }
}

/// Returns the positions of the damaged entries.
pub(super) fn damaged<'a>(entries: impl Iterator<Item = &'a StoredEntry>) -> Vec<i64> {
    entries.filter_map(StoredEntry::damaged_position).collect()
}

/// Returns the member `"damaged":[…]`.
pub(super) fn damaged_member(positions: &[i64]) -> String {
    let list: Vec<_> = positions.iter().map(i64::to_string).collect();
    format!("\"damaged\":[{}]", list.join(","))
}

/// Returns the name and the schema of the member for `/openapi.json`.
pub(super) fn schema_member() -> (&'static str, Value) {
    let about = "Places of entries that the disk did not keep as they were stored; they are not in `data`.";
    ("damaged", json!({"type": "array", "items": {"type": "integer", "minimum": 1}, "description": about}))
}

/// Returns the bytes of an entry that was looked up.
///
/// # Errors
/// The entry is damaged. The damage is recorded as well.
pub(super) async fn intact_or_error(damage: &DamageWatch, log: Log, found: StoredEntry) -> Result<Vec<u8>, ApiError> {
    match found {
        StoredEntry::Intact(bytes) => Ok(bytes),
        StoredEntry::Damaged(position) => {
            damage.report_altered(log, &[position]).await;
            Err(ApiError::damaged(position))
        }
    }
}
