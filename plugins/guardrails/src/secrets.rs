//! Credentials: by the prefix of their issuer, by their form, or by the word beside them.

pub(crate) mod assigned;
mod authorization;
mod forms;
mod jwt;
pub(crate) mod placeholder;
pub(crate) mod prefixed;
mod private_key;
mod randomness;
pub(crate) mod rules;
pub(crate) mod sums;
mod url;

use crate::Guard;
use crate::look::{Look, Token};

/// Looks at a word.
pub(crate) fn word(look: &mut Look<'_, '_>, guard: &Guard, token: Token) {
    guard.prefixes().find(look, token.start);
    forms::word(look, token);
    match look.text.get(token.end) {
        Some(b':') => url::scheme(look, guard, token),
        Some(b' ') => {
            authorization::scheme(look, token);
            assigned::verb(look, token);
        }
        _ => {}
    }
    jwt::word(look, token);
}

/// Looks at a punctuation mark.
pub(crate) fn mark(look: &mut Look<'_, '_>, at: usize, byte: u8) {
    match byte {
        b'-' => private_key::dash(look, at),
        b'=' | b':' => assigned::sign(look, at),
        b'~' => forms::tilde(look, at),
        _ => {}
    }
}
