//! Values that are one of a few words.

use super::error::ScalarError;
use crate::nearest::nearest;

/// Checks that a value is one of these words.
pub(super) fn one_of(value: &str, words: &[&str]) -> Result<(), ScalarError> {
    if words.contains(&value) {
        return Ok(());
    }
    let help = match nearest(value, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write one of: {}", words.join(", ")),
    };
    Err(ScalarError::new("unknown value", &help))
}

/// Checks that a value is one of these words, with a message of its own.
pub(super) fn word(value: &str, words: &[&str], message: &str) -> Result<(), ScalarError> {
    one_of(value, words).map_err(|wrong| ScalarError::new(message, &wrong.help))
}
