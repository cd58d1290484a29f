//! Private key blocks: PEM and OpenSSH (RFC 7468), PGP (RFC 9580).
//!
//! A block counts if it has a body: documentation is full of its first line. It ends with its last line, or, where that
//! is missing, with the last byte that can belong to it.

use crate::context::ScanContext;
use crate::kinds::Kind;
use crate::text::class::{BASE64, DIGIT, EQUALS, KEY_BODY, SPACE, UPPER, WORD};
use crate::text::{SearchMemory, Text};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const LONGEST_LABEL: usize = 40;
const LONGEST_BODY: usize = 16_000;
/// Fewer digits of Base64 are no key.
const SHORTEST_BODY: usize = 40;

pub(crate) fn dash(context: &mut ScanContext<'_, '_>, at: usize) {
    let text = context.text;
    if text.before(at) == Some(b'-')
        || !text.is(at + 1, b'-')
        || !context.wants(Kind::PrivateKey)
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
        context.report(Kind::PrivateKey, at, end);
    }
}

/// Returns where the block ends if its body begins here. A hostile text begins one in every line, so each of these searches goes on
/// where that of the block before stopped.
fn body(text: &Text<'_>, start: usize) -> Option<usize> {
    let limit = start + LONGEST_BODY;
    let run = text.run(start, KEY_BODY, LONGEST_BODY);
    let last_line = last_line(text, start, run.saturating_add(END.len()).min(limit + END.len()));
    let last_line = last_line.filter(|at| *at < limit && *at <= run);
    let end = last_line.unwrap_or(run);
    if !has_digits(text, start, end) {
        return None;
    }
    let Some(at) = last_line else { return last_digit(text, start, end) };
    let label_end = text.run(at + END.len(), UPPER | DIGIT | SPACE, LONGEST_LABEL);
    Some(if text.starts(label_end, b"-----") { label_end + 5 } else { label_end })
}

/// Returns where the next last line of a block begins, if before `upto`.
fn last_line(text: &Text<'_>, start: usize, upto: usize) -> Option<usize> {
    let memory = &text.memories().key_end;
    let mut mark = memory.get();
    let known = mark.from <= start && start <= mark.upto && mark.found.is_none_or(|found| found >= start);
    if !known {
        mark = SearchMemory { from: start, upto: start, found: None };
    }
    while mark.found.is_none() && mark.upto < upto && text.arrived(mark.upto).is_some() {
        crate::steps::count(1);
        if text.arrived(mark.upto) == Some(b'-') && text.starts(mark.upto, END) {
            mark.found = Some(mark.upto);
        } else if text.rest(mark.upto).len() < END.len() {
            // It may be cut in two.
            break;
        } else {
            mark.upto += 1;
        }
    }
    memory.set(mark);
    mark.found.filter(|found| *found < upto)
}

/// Returns whether there is enough of Base64.
fn has_digits(text: &Text<'_>, start: usize, end: usize) -> bool {
    let digits = (start..end).filter(|at| text.class(*at) & (WORD | BASE64 | EQUALS) != 0);
    digits.take(SHORTEST_BODY).count() == SHORTEST_BODY
}

/// Returns the position behind the last digit of Base64 before `end`.
fn last_digit(text: &Text<'_>, start: usize, end: usize) -> Option<usize> {
    let memory = &text.memories().key_digit;
    let mark = memory.get();
    let known =
        if (start..=end).contains(&mark.upto) { mark } else { SearchMemory { from: start, upto: start, found: None } };
    let is_digit = |at: &usize| text.class(*at) & (WORD | BASE64 | EQUALS) != 0;
    let found = (known.upto..end).rev().find(is_digit).map(|at| at + 1).or(known.found);
    memory.set(SearchMemory { from: start, upto: end, found });
    found.filter(|found| *found > start)
}
