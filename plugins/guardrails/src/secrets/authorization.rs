//! Credentials of an HTTP `Authorization` header: `Basic` with a user and a password (RFC 7617), `Bearer` (RFC 6750).

use super::{jwt, placeholder, randomness};
use crate::kinds::Kind;
use crate::look::{Look, Token};
use crate::text::class::{BASE64, DOT, EQUALS, URL64, WORD};

const LONGEST: usize = 960;

/// Looks at a word with a space after it.
pub(crate) fn scheme(look: &mut Look<'_, '_>, token: Token) {
    let first = look.text.arrived(token.start);
    if !matches!(token.len(), 5 | 6) || !matches!(first, Some(b'b' | b'B')) || !look.wants(Kind::AuthorizationHeader) {
        return;
    }
    let word = look.text.slice(token.start, token.end);
    let start = look.text.run(token.end, crate::text::class::SPACE, 3);
    let found = if word.eq_ignore_ascii_case(b"basic") && in_header(look, token.start) {
        basic(look, start)
    } else if word.eq_ignore_ascii_case(b"bearer") {
        bearer(look, start)
    } else {
        None
    };
    if let Some(end) = found {
        look.report(Kind::AuthorizationHeader, start, end);
    }
}

fn in_header(look: &Look<'_, '_>, at: usize) -> bool {
    let behind = look.text.behind(at, 24);
    behind.windows(13).any(|window| window.eq_ignore_ascii_case(b"authorization"))
}

fn basic(look: &Look<'_, '_>, start: usize) -> Option<usize> {
    let end = look.text.run(start, WORD | BASE64, LONGEST);
    let decoded = jwt::base64(look.text.slice(start, end))?;
    let printable = decoded.iter().all(|byte| (b' '..=b'~').contains(byte) || *byte >= 0x80);
    let mut parts = decoded.splitn(2, |&byte| byte == b':');
    let (user, password) = (parts.next()?, parts.next()?);
    let telling = printable && password.len() >= 3 && !user.is_empty() && !super::url::is_stand_in(user, password);
    telling.then(|| look.text.run(end, EQUALS, 2))
}

fn bearer(look: &Look<'_, '_>, start: usize) -> Option<usize> {
    let end = look.text.run(start, URL64 | BASE64 | DOT | EQUALS | crate::text::class::LOCAL, LONGEST);
    let mut value = look.text.slice(start, end);
    while let Some((b'.' | b'\'' | b'`' | b'}' | b'!' | b'?', rest)) = value.split_last() {
        value = rest;
    }
    let secret = value.len() >= 16 && !placeholder::is_one(value) && randomness::looks_random(value, 16);
    secret.then_some(start + value.len())
}
