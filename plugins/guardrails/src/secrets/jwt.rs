//! JSON Web Tokens: three or five parts in Base64 for URLs, the first of which is JSON with an algorithm (RFC 7515, 7516).

use crate::kinds::Kind;
use crate::look::{Look, Token};
use crate::text::class::URL64;

const LONGEST_HEADER: usize = 1024;
const LONGEST_PART: usize = 5600;
const LONGEST_TAIL: usize = 1024;
/// Digits of a header that are decoded first; a multiple of four.
const FIRST_LOOK: usize = 16;

pub(crate) fn word(look: &mut Look<'_, '_>, token: Token) {
    // `{"` in Base64.
    if !look.wants(Kind::Jwt) || !look.text.slice(token.start, token.end).starts_with(b"eyJ") {
        return;
    }
    let text = look.text;
    let header_end = text.run(token.start, URL64, LONGEST_HEADER + 1);
    let header = text.rest(token.start).get(..header_end - token.start).unwrap_or_default();
    if !text.is(header_end, b'.') || !names_algorithm(header) {
        return;
    }
    let body_end = text.run(header_end + 1, URL64, LONGEST_PART + 1);
    if body_end - header_end > LONGEST_PART || !text.is(body_end, b'.') {
        return;
    }
    let mut end = text.run(body_end + 1, URL64, LONGEST_TAIL);
    // An encrypted token has two more parts.
    for _ in 0..2 {
        if text.is(end, b'.') {
            let next = text.run(end + 1, URL64, LONGEST_TAIL / 4);
            end = if next > end + 8 { next } else { end };
        }
    }
    if end > body_end + 8 {
        look.report(Kind::Jwt, token.start, end);
    }
}

/// The header is decoded as far as it is JSON: one can begin every few bytes, and be told to be none by its first ones.
fn names_algorithm(header: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Header<'a> {
        #[serde(borrow)]
        alg: std::borrow::Cow<'a, str>,
    }
    let mut most = FIRST_LOOK;
    loop {
        let known = header.get(..most).unwrap_or(header);
        crate::steps::count(known.len());
        let Some(json) = base64(known) else { return false };
        match serde_json::from_slice::<Header<'_>>(&json) {
            Ok(read) if known.len() == header.len() => return !read.alg.is_empty(),
            Err(error) if !error.is_eof() || known.len() == header.len() => return false,
            _ => most *= 4,
        }
    }
}

/// Decodes Base64, either alphabet, without padding.
pub(crate) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut bits, mut count) = (0_u32, 0);
    for &byte in text {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        (bits, count) = (bits << 6 | u32::from(digit), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xFF) as u8);
        }
    }
    Some(bytes)
}
