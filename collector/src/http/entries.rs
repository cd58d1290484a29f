//! Entries in an answer: those that are sound, as they are stored; of the others their places, so that no part is taken for
//! the whole.

use crate::store::Kept;
use serde_json::{Value, json};

/// Writes the sound ones as members of a JSON list.
pub(super) fn members<'a>(out: &mut Vec<u8>, entries: impl Iterator<Item = &'a Kept>) {
    for (place, entry) in entries.filter_map(Kept::sound).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(entry);
    }
}

/// The places of those that are damaged.
pub(super) fn damaged<'a>(entries: impl Iterator<Item = &'a Kept>) -> Vec<i64> {
    entries.filter_map(Kept::damaged).collect()
}

/// `"damaged":[…]`.
pub(super) fn damaged_member(positions: &[i64]) -> String {
    let list: Vec<_> = positions.iter().map(i64::to_string).collect();
    format!("\"damaged\":[{}]", list.join(","))
}

/// The member as `/openapi.json` describes it.
pub(super) fn described() -> (&'static str, Value) {
    let about = "Places of entries that the disk did not keep as they were stored; they are not in `data`.";
    ("damaged", json!({"type": "array", "items": {"type": "integer", "minimum": 1}, "description": about}))
}
