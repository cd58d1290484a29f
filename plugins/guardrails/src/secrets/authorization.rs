//! Credentials of an HTTP `Authorization` header: `Basic` with a user and a password (RFC 7617), `Bearer` (RFC 6750).

use super::{entropy, jwt, placeholder};
use crate::context::{ScanContext, Token};
use crate::kinds::Kind;
use crate::text::class::{BASE64, DOT, EQUALS, URL64, WORD};

const LONGEST: usize = 960;

/// Examines a word with a space after it.
pub(crate) fn scheme(context: &mut ScanContext<'_, '_>, token: Token) {
    if !matches!(token.len(), 5 | 6)
        || !matches!(context.text.arrived(token.start), Some(b'b' | b'B'))
        || !context.wants(Kind::AuthorizationHeader)
    {
        return;
    }
    let word = context.text.slice(token.start, token.end);
    let start = context.text.run(token.end, crate::text::class::SPACE, 3);
    let found = if word.eq_ignore_ascii_case(b"basic") && in_header(context, token.start) {
        basic(context, start)
    } else if word.eq_ignore_ascii_case(b"bearer") {
        bearer(context, start)
    } else {
        None
    };
    if let Some(end) = found {
        context.report(Kind::AuthorizationHeader, start, end);
    }
}

fn in_header(context: &ScanContext<'_, '_>, at: usize) -> bool {
    let behind = context.text.behind(at, 24);
    behind.windows(13).any(|window| window.eq_ignore_ascii_case(b"authorization"))
}

fn basic(context: &ScanContext<'_, '_>, start: usize) -> Option<usize> {
    let end = context.text.run(start, WORD | BASE64, LONGEST);
    let decoded = jwt::base64(context.text.slice(start, end))?;
    let printable = decoded.iter().all(|byte| (b' '..=b'~').contains(byte) || *byte >= 0x80);
    let mut parts = decoded.splitn(2, |&byte| byte == b':');
    let (user, password) = (parts.next()?, parts.next()?);
    let telling = printable && password.len() >= 3 && !user.is_empty() && !super::url::is_stand_in(user, password);
    telling.then(|| context.text.run(end, EQUALS, 2))
}

fn bearer(context: &ScanContext<'_, '_>, start: usize) -> Option<usize> {
    let end = context.text.run(start, URL64 | BASE64 | DOT | EQUALS | crate::text::class::LOCAL, LONGEST);
    let mut value = context.text.slice(start, end);
    while let Some((b'.' | b'\'' | b'`' | b'}' | b'!' | b'?', rest)) = value.split_last() {
        value = rest;
    }
    let secret = value.len() >= 16 && !placeholder::is_one(value) && entropy::looks_random(value, 16);
    secret.then_some(start + value.len())
}
