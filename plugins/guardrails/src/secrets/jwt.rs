//! JSON Web Tokens: three or five parts in Base64 for URLs, the first of which is JSON with an algorithm (RFC 7515, 7516).

use crate::context::{ScanContext, Token};
use crate::kinds::Kind;
use crate::text::class::URL64;

const LONGEST_HEADER: usize = 1024;
/// `{"alg":"a"}` in Base64.
const SHORTEST_HEADER: usize = 15;
const LONGEST_PART: usize = 5600;
const LONGEST_TAIL: usize = 1024;
/// Digits of a header that is decoded at once.
const SHORT_HEADER: usize = 4 * FIRST_LOOK;
/// Digits of a longer header that are decoded first; a multiple of four.
const FIRST_LOOK: usize = 16;

pub(crate) fn word(context: &mut ScanContext<'_, '_>, token: Token) {
    // `{"` in Base64.
    if context.text.arrived(token.start) != Some(b'e')
        || !context.text.slice(token.start, token.end).starts_with(b"eyJ")
        || !context.wants(Kind::Jwt)
    {
        return;
    }
    let text = context.text;
    let header_end = text.run(token.start, URL64, LONGEST_HEADER + 1);
    let header = text.rest(token.start).get(..header_end - token.start).unwrap_or_default();
    let known = &text.memories().header;
    // A token that is held back begins again and again as text arrives.
    if !text.is(header_end, b'.') || known.get() != Some(token.start) && !names_algorithm(header) {
        return;
    }
    known.set(Some(token.start));
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
        context.report(Kind::Jwt, token.start, end);
    }
}

/// Returns whether the header names an algorithm. It is decoded only as far as it is JSON, because one can begin every few bytes.
fn names_algorithm(header: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Header<'a> {
        #[serde(borrow)]
        alg: std::borrow::Cow<'a, str>,
    }
    // Nearly all headers are short, and to parse a part of one takes longer.
    let mut most = if header.len() <= SHORT_HEADER { SHORT_HEADER } else { FIRST_LOOK };
    if header.len() < SHORTEST_HEADER || !may_be_object(header.get(..FIRST_LOOK).unwrap_or(header)) {
        return false;
    }
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

/// Returns whether JSON could begin with `{"`, a key and a colon here. One in four hostile bytes begins a header, and the
/// errors of a parser are expensive.
fn may_be_object(header: &[u8]) -> bool {
    let mut room = [0; FIRST_LOOK];
    let Some(length) = decode(header, &mut room) else { return false };
    let mut rest = room.get(2..length).unwrap_or_default();
    while let [byte, others @ ..] = rest {
        match (byte, others.first()) {
            // An escape, or the end of the decoded bytes.
            (b'\\', _) | (_, None) => return true,
            (b'"', Some(next)) => return *next == b':' || next.is_ascii_whitespace(),
            (0..=0x1F, _) => return false,
            _ => rest = others,
        }
    }
    true
}

/// Decodes Base64, either alphabet, without padding.
pub(crate) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len()];
    let length = decode(text, &mut bytes)?;
    bytes.truncate(length);
    Some(bytes)
}

/// Decodes to the beginning of `room`; returns how many bytes there are.
fn decode(text: &[u8], room: &mut [u8]) -> Option<usize> {
    let (mut bits, mut count, mut length) = (0_u32, 0, 0);
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
            *room.get_mut(length)? = (bits >> count & 0xFF) as u8;
            length += 1;
        }
    }
    Some(length)
}
