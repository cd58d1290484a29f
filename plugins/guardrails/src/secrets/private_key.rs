//! Private key blocks: PEM and OpenSSH (RFC 7468), PGP (RFC 9580).
//!
//! A block counts if it has a body: documentation is full of its first line. It ends with its last line, or, where that
//! is missing, with the last byte that can belong to it.

use crate::kinds::Kind;
use crate::look::Look;
use crate::text::Text;
use crate::text::class::{BASE64, DIGIT, EQUALS, SPACE, UPPER, WORD};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const LONGEST_LABEL: usize = 40;
const LONGEST_BODY: usize = 16_000;
/// Fewer digits of Base64 are no key.
const SHORTEST_BODY: usize = 40;

pub(crate) fn dash(look: &mut Look<'_, '_>, at: usize) {
    let text = look.text;
    if text.before(at) == Some(b'-')
        || !text.is(at + 1, b'-')
        || !look.wants(Kind::PrivateKey)
        || !text.starts(at, BEGIN)
    {
        return;
    }
    let label = at + BEGIN.len();
    let label_end = text.run(label, UPPER | DIGIT | SPACE, LONGEST_LABEL);
    let names_key = text.slice(label, label_end).windows(11).any(|window| window == b"PRIVATE KEY");
    if !names_key || !text.starts(label_end, b"-----") {
        return;
    }
    if let Some(end) = body(text, label_end + 5) {
        look.report(Kind::PrivateKey, at, end);
    }
}

/// Where the block ends whose body begins here.
fn body(text: &Text<'_>, start: usize) -> Option<usize> {
    let mut at = start;
    let mut digits = 0;
    let mut last = None;
    while at - start < LONGEST_BODY {
        let class = text.class(at);
        if class & (WORD | BASE64 | EQUALS) != 0 {
            digits += 1;
            at += 1;
            last = Some(at);
        } else if text.is(at, b'-') && text.starts(at, END) {
            let label_end = text.run(at + END.len(), UPPER | DIGIT | SPACE, LONGEST_LABEL);
            at = if text.starts(label_end, b"-----") { label_end + 5 } else { label_end };
            last = Some(at);
            break;
        } else if class & SPACE != 0
            || matches!(text.get(at), Some(b'\\' | b':' | b',' | b'-' | b'.' | b'(' | b')' | b'"' | b'\''))
        {
            at += 1;
        } else {
            break;
        }
    }
    last.filter(|_| digits >= SHORTEST_BODY)
}
