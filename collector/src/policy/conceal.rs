//! Masks what looks like a credential, whatever it stands under.
//!
//! The check lets secrets into gateway.yaml by the names of variables alone. But an owner, a header's value or a phrase
//! is free text, and people put into free text what they should not.

use crate::audit::{Change, MASK};
use headgate::credential::credentials;
use serde_json::Value;

/// Largest value that is told of as it is, bytes of its JSON; the revision has all of it.
const MAX_VALUE_BYTES: usize = 16 << 10;

/// Masks credentials in what changed, and shortens what is too long to be told of.
pub(super) fn conceal(changes: &mut [Change]) {
    for change in changes {
        for value in [&mut change.before, &mut change.after].into_iter().flatten() {
            mask(value);
            shorten(value);
        }
    }
}

/// Masks credentials.
pub(super) fn mask(value: &mut Value) {
    match value {
        Value::String(text) if !credentials(text).is_empty() => *text = MASK.to_owned(),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(members) => members.values_mut().for_each(mask),
        _ => {}
    }
}

fn shorten(value: &mut Value) {
    let bytes = value.to_string().len();
    if bytes > MAX_VALUE_BYTES {
        *value = Value::String(format!("[{bytes} bytes, see the revision]"));
    }
}
