//! Credentials: by the prefix of their issuer, by their form, or by the word beside them.

pub(crate) mod assigned;
mod authorization;
pub(crate) mod checksums;
mod entropy;
mod formats;
mod jwt;
pub(crate) mod placeholder;
pub(crate) mod prefixed;
mod private_key;
pub(crate) mod rules;
mod url;

use crate::Guard;
use crate::context::{ScanContext, Token};
use crate::text::class::LETTER;

/// Examines a word.
pub(crate) fn word(context: &mut ScanContext<'_, '_>, guard: &Guard, token: Token) {
    guard.prefixes().find(context, token.start);
    let after = context.text.get(token.end);
    if token.any & LETTER == 0 && token.len() < formats::SHORTEST_ID && after != Some(b':') {
        return;
    }
    // Of shorter words nothing but a piece of an AWS secret is asked for.
    if token.len() >= formats::SHORTEST_ID || context.topics.any_near(token.start, formats::REACH) {
        formats::word(context, token, after);
    }
    match after {
        Some(b':') => url::scheme(context, guard, token),
        Some(b' ') => {
            authorization::scheme(context, token);
            assigned::verb(context, token);
        }
        _ => {}
    }
    if token.len() >= 3 {
        jwt::word(context, token);
    }
}

/// Examines a punctuation mark.
pub(crate) fn mark(context: &mut ScanContext<'_, '_>, at: usize, byte: u8) {
    match byte {
        b'-' => private_key::dash(context, at),
        b'=' | b':' => assigned::sign(context, at),
        b'~' => formats::tilde(context, at),
        _ => {}
    }
}
