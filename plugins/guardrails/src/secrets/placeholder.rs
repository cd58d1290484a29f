//! Values that stand for a secret without being one: published examples, rows of x, "your-key-here".
//!
//! `AKIAIOSFODNN7EXAMPLE` and everything else that calls itself an example is in documentation all over the world and
//! opens nothing, so it is no finding.

use crate::text::{SearchMemory, Text};
use crate::words::topic::bits;

/// Bytes of a value that are looked at. A long random value contains any short word by chance.
const MOST: usize = 96;
/// Fewer different bytes are no credential.
const VARIED: usize = 5;
/// Longest word, bytes.
const LONGEST_WORD: usize = 32;

/// Words that real secrets do not contain.
static TELLING: &[&[u8]] = &[
    b"example",
    b"placeholder",
    b"redacted",
    b"changeme",
    b"change_me",
    b"change-me",
    b"yourkey",
    b"your_",
    b"your-",
    b"yourtoken",
    b"yoursecret",
    b"yourapi",
    b"dummy",
    b"insert",
    b"xxxxxx",
    b"****",
    b"....",
    b"replace",
    b"sample",
    b"notreal",
    b"not_real",
    b"not-real",
    b"test_key",
    b"testkey",
    b"fake",
    b"foobar",
    b"todo",
    b"1234567890abcdef1234567890abcdef",
    b"abcdefghijklmnopqrstuvwxyz",
    b"0123456789abcdef0123456789abcdef",
];

/// Returns whether the body of a credential is no credential.
pub(crate) fn is_one(body: &[u8]) -> bool {
    !has_distinct(body, VARIED.min(body.len())) || says_so(body)
}

/// The same of a body that stands in the text. Hostile text begins a body every few bytes, so the search for a word goes on
/// where that for the body before stopped.
pub(crate) fn is_in(text: &Text<'_>, start: usize, end: usize) -> bool {
    !is_varied(text, start, end) || has_word(text, start, end)
}

/// Returns whether a body has enough different bytes. If a body has too few, each part of it has too few.
fn is_varied(text: &Text<'_>, start: usize, end: usize) -> bool {
    let memory = &text.memories().monotonous;
    let known = memory.get();
    let body = text.seen(start, end);
    if body.len() >= VARIED && known.from <= start && end <= known.upto {
        return false;
    }
    let varied = has_distinct(body, VARIED.min(body.len()));
    if !varied {
        memory.set(SearchMemory { from: start, upto: end, found: None });
    }
    varied
}

/// Returns whether a value that has arrived calls itself a placeholder.
pub(crate) fn has_word(text: &Text<'_>, start: usize, end: usize) -> bool {
    let end = end.min(start + MOST);
    let memory = &text.memories().placeholder;
    let known = Some(memory.get()).filter(|known| (known.from..=known.upto).contains(&start));
    let mut mark = known.unwrap_or(SearchMemory { from: start, upto: start, found: None });
    if let Some(found) = mark.found.filter(|found| *found < start) {
        (mark.from, mark.found) = (found + 1, None);
    }
    // A word that the end of the arrived text may cut is looked for again.
    let certain = text.end().saturating_sub(LONGEST_WORD);
    while mark.found.is_none() && mark.upto < end.min(certain) {
        crate::steps::count(1);
        mark.found = Some(mark.upto).filter(|at| begins_word(text.rest(*at)));
        mark.upto += 1;
    }
    memory.set(mark);
    let fits = |at: usize| {
        crate::steps::count(1);
        begins_word(text.seen(at, end))
    };
    (mark.found.unwrap_or(mark.upto).max(start)..end).any(fits)
}

/// Returns whether a value calls itself a placeholder. A long random value contains any short word by chance.
pub(crate) fn says_so(value: &[u8]) -> bool {
    let value = value.get(..value.len().min(MOST)).unwrap_or_default();
    crate::steps::count(value.len());
    (0..value.len()).filter_map(|at| value.get(at..)).any(begins_word)
}

fn begins_word(rest: &[u8]) -> bool {
    let [a, b, ..] = *rest else { return false };
    let words = bits(STARTS.get(pair(a, b)).copied().map_or(0, u64::from));
    let is_word = |word: &&[u8]| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    words.filter_map(|word| TELLING.get(word)).any(is_word)
}

/// Returns whether there are at least so many different bytes. Nearly every value shows that within a few.
fn has_distinct(value: &[u8], least: usize) -> bool {
    let mut seen = [0_u64; 4];
    let mut count = 0;
    for &byte in value {
        crate::steps::count(1);
        if let Some(word) = seen.get_mut(usize::from(byte) / 64) {
            count += usize::from(*word >> (byte % 64) & 1 == 0);
            *word |= 1 << (byte % 64);
        }
        if count >= least {
            return true;
        }
    }
    count >= least
}

/// By the hash of two bytes: the words of [`TELLING`] that begin so, one bit each.
static STARTS: [u32; 1024] = starts();

const fn starts() -> [u32; 1024] {
    let mut starts = [0; 1024];
    let mut index = 0;
    while index < TELLING.len() {
        #[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
        {
            starts[pair(TELLING[index][0], TELLING[index][1])] |= 1 << index;
        }
        index += 1;
    }
    starts
}

const fn pair(a: u8, b: u8) -> usize {
    (a as usize & 31) << 5 | b as usize & 31
}

/// Returns how many different bytes there are.
pub(crate) fn distinct(value: &[u8]) -> usize {
    let mut seen = [0_u64; 4];
    for &byte in value {
        if let Some(word) = seen.get_mut(usize::from(byte) / 64) {
            *word |= 1 << (byte % 64);
        }
    }
    seen.iter().map(|word| word.count_ones() as usize).sum()
}
