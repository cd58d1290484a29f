//! The text in every form that a page of another site cannot know.

use headgate_collector_store::hash_token;
use sha2::{Digest, Sha256};

/// Returns the text for a session. It is made of the session's secret, so nothing more is stored, and does not reveal it.
pub(crate) fn of(secret: &str) -> String {
    Sha256::digest(format!("headgate form {secret}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns whether a form has it. Hashes are compared, so the duration says nothing.
pub(crate) fn is_right(given: Option<&str>, expected: &str) -> bool {
    given.is_some_and(|given| hash_token(given) == hash_token(expected))
}
