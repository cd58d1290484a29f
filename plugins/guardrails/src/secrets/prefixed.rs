//! Finds what `rules.rs` describes: one look into a small table for most words, then the rows with that prefix.

use super::rules::RULES;
use super::sums;
use crate::kinds::Kind;
use crate::look::Look;
use crate::secrets::placeholder;
use crate::secrets::randomness::looks_random;
use crate::text::Text;
use crate::text::class::WORD;
use std::ops::Range;

const STARTS: usize = 1 << 12;

/// One format.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) kind: Kind,
    pub(crate) prefix: &'static [u8],
    pub(crate) body: &'static [Part],
    pub(crate) check: Check,
}

/// What comes after the prefix.
#[derive(Debug)]
pub(crate) enum Part {
    /// So many bytes of a class, and no more of it.
    Run(u32, usize, usize),
    /// This.
    Text(&'static [u8]),
}

/// What the body is checked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Nothing.
    None,
    /// The last six are the CRC-32 of the others, in base 62; or it looks random all the same. A prefix of its own and an
    /// exact length say so much that a wrong sum is rather a slip of whoever copied it than another kind of word.
    Crc32Base62,
    /// The checksum of Bech32 over the whole.
    Bech32,
}

/// The rules by how they begin.
#[derive(Debug)]
pub(crate) struct Prefixes {
    /// Bits of what the first three bytes hash to.
    starts: Vec<u64>,
    /// By the first byte, then by the prefix.
    rules: Vec<&'static Rule>,
}

impl Prefixes {
    pub(crate) fn new() -> Self {
        let mut rules: Vec<_> = RULES.iter().collect();
        rules.sort_by_key(|rule| rule.prefix);
        let mut starts = vec![0; STARTS / 64];
        for rule in &rules {
            if let [a, b, c, ..] = *rule.prefix
                && let bit = hash(a, b, c)
                && let Some(word) = starts.get_mut(bit / 64)
            {
                *word |= 1 << (bit % 64);
            }
        }
        Self { starts, rules }
    }

    fn may_start(&self, first: &[u8]) -> bool {
        let [a, b, c] = *first else { return false };
        let bit = hash(a, b, c);
        self.starts.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    fn with(&self, first: u8) -> Range<usize> {
        let begins = |rule: &&Rule| rule.prefix.first() < Some(&first);
        let start = self.rules.partition_point(begins);
        start..self.rules.partition_point(|rule| rule.prefix.first() <= Some(&first))
    }

    /// The credential that begins at `at`.
    pub(crate) fn find(&self, look: &mut Look<'_, '_>, at: usize) {
        let first: [Option<u8>; 3] = [0, 1, 2].map(|offset| look.text.get(at + offset));
        let [Some(a), Some(b), Some(c)] = first else { return };
        if !self.may_start(&[a, b, c]) {
            return;
        }
        let rules = self.rules.get(self.with(a)).unwrap_or_default();
        let kinds = look.kinds;
        for rule in rules.iter().filter(|rule| kinds.contains(rule.kind)) {
            if let Some(end) = rule.end(look.text, at) {
                look.report(rule.kind, at, end);
            }
        }
    }
}

fn hash(a: u8, b: u8, c: u8) -> usize {
    (usize::from(a) * 61 + usize::from(b) * 577 + usize::from(c) * 4391) % STARTS
}

impl Rule {
    fn end(&self, text: &Text<'_>, at: usize) -> Option<usize> {
        if !text.starts(at, self.prefix) {
            return None;
        }
        let start = at + self.prefix.len();
        let end = self.body.iter().try_fold(start, |at, part| part.end(text, at))?;
        let body = text.slice(start, end);
        let over = text.class(end) & WORD == 0;
        (over && !placeholder::is_one(body) && self.passes(text.slice(at, end), body)).then_some(end)
    }

    fn passes(&self, all: &[u8], body: &[u8]) -> bool {
        match self.check {
            Check::None => true,
            Check::Crc32Base62 => sums::crc32_base62(body) || looks_random(body, body.len()),
            Check::Bech32 => sums::bech32(all).is_some(),
        }
    }
}

impl Part {
    fn end(&self, text: &Text<'_>, at: usize) -> Option<usize> {
        match *self {
            Self::Text(literal) => text.starts(at, literal).then_some(at + literal.len()),
            Self::Run(class, least, most) => {
                let end = text.run(at, class, most + 1);
                let length = trimmed(text, at, end) - at;
                (least..=most).contains(&length).then_some(at + length)
            }
        }
    }
}

/// A full stop or dash at the end belongs to the sentence.
fn trimmed(text: &Text<'_>, at: usize, end: usize) -> usize {
    let bytes = text.slice(at, end);
    let dots = bytes.iter().rev().take_while(|&&byte| byte == b'.').count();
    end - dots
}
