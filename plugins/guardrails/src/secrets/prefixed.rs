//! Finds the formats of `rules.rs`: one lookup in a small table for most words, then the rows with that prefix.

use super::checksums;
use super::rules::{Check, Part, RULES, Rule};
use crate::context::ScanContext;
use crate::secrets::entropy::looks_random;
use crate::secrets::placeholder;
use crate::text::Text;
use crate::text::class::{WORD, class_of};

const HASHES: usize = 1 << 12;

/// Returns the words that prefixes begin with.
pub(crate) fn first_words() -> impl Iterator<Item = &'static [u8]> {
    let words = RULES.iter().filter_map(|rule| rule.prefix.split(|byte| !byte.is_ascii_alphabetic()).next());
    words.filter(|word| !word.is_empty())
}

/// The rules by the first bytes of their prefixes.
#[derive(Debug)]
pub(crate) struct Prefixes {
    /// Bits of the hashes of the first three bytes of prefixes: most words are done with one lookup.
    first_three: Vec<u64>,
    /// All rules by three bytes.
    by_three: Index<3>,
    /// The rules with longer prefixes by four bytes: many begin with the same three.
    by_four: Index<4>,
    /// The rules with prefixes of three bytes.
    short: Index<3>,
}

impl Prefixes {
    pub(crate) fn new() -> Self {
        let (short, long): (Vec<_>, Vec<_>) = RULES.iter().partition(|rule| rule.prefix.len() <= 3);
        let mut first_three = vec![0; HASHES / 64];
        for first in RULES.iter().filter_map(|rule| rule.prefix.first_chunk::<3>()) {
            if let Some(word) = first_three.get_mut(hash(first) / 64) {
                *word |= 1 << (hash(first) % 64);
            }
        }
        let by_three = Index::new(RULES.iter().collect());
        Self { first_three, by_three, by_four: Index::new(long), short: Index::new(short) }
    }

    /// Returns whether a prefix can begin with these bytes.
    #[inline]
    pub(crate) fn may_begin(&self, rest: &[u8]) -> bool {
        rest.first_chunk::<3>().is_none_or(|first| {
            let hash = hash(first);
            self.first_three.get(hash / 64).is_some_and(|word| word >> (hash % 64) & 1 == 1)
        })
    }

    /// Finds the credential that begins at `at`.
    #[inline]
    pub(crate) fn find(&self, context: &mut ScanContext<'_, '_>, at: usize) {
        if self.may_begin(context.text.rest(at)) {
            self.find_rule(context, at);
        }
    }

    fn find_rule(&self, context: &mut ScanContext<'_, '_>, at: usize) {
        let rest = context.text.rest(at);
        let Some(first) = rest.first_chunk() else {
            // Shorter texts have no credential; on a stream the rest may come.
            context.text.get(at + 2);
            return;
        };
        match rest.first_chunk() {
            Some(four) => {
                report(context, at, self.by_four.with(four));
                report(context, at, self.short.with(first));
            }
            None => report(context, at, self.by_three.with(first)),
        }
    }
}

#[inline]
fn report(context: &mut ScanContext<'_, '_>, at: usize, rules: &[&'static Rule]) {
    for rule in rules {
        if context.kinds.contains(rule.kind)
            && let Some(end) = rule.end(context.text, at)
        {
            context.report(rule.kind, at, end);
        }
    }
}

/// Rules by a hash of their first bytes.
#[derive(Debug)]
struct Index<const N: usize> {
    /// In the order of those bytes' hash.
    rules: Vec<&'static Rule>,
    /// For each hash where its rules begin; they end where those of the next one begin.
    begins: Vec<u16>,
}

impl<const N: usize> Index<N> {
    fn new(mut rules: Vec<&'static Rule>) -> Self {
        let hash_of = |rule: &&Rule| rule.prefix.first_chunk::<N>().map_or(0, hash);
        rules.sort_by_key(|rule| (hash_of(rule), rule.prefix));
        let before = |hash: usize| rules.partition_point(|rule| hash_of(rule) < hash);
        let begins = (0..=HASHES).map(|hash| u16::try_from(before(hash)).unwrap_or(u16::MAX)).collect();
        Self { rules, begins }
    }

    /// Returns the rules with prefixes that can begin with these bytes.
    #[inline]
    fn with(&self, first: &[u8; N]) -> &[&'static Rule] {
        let hash = hash(first);
        let place = |hash: usize| self.begins.get(hash).copied().map_or(0, usize::from);
        self.rules.get(place(hash)..place(hash + 1)).unwrap_or_default()
    }
}

#[inline]
fn hash<const N: usize>(first: &[u8; N]) -> usize {
    let number = first.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    (number.wrapping_mul(0x9E37_79B1) >> (32 - HASHES.trailing_zeros())) as usize
}

impl Rule {
    fn end(&self, text: &Text<'_>, at: usize) -> Option<usize> {
        // Prefixes that begin alike differ at the end, and one byte is faster to compare than all.
        let last = text.arrived(at + self.prefix.len() - 1);
        if last.is_some() && last.as_ref() != self.prefix.last() || !text.starts(at, self.prefix) {
            return None;
        }
        let start = at + self.prefix.len();
        let end = self.body.iter().try_fold(start, |at, part| part.end(text, at))?;
        let body = text.seen(start, end);
        if text.is_short() {
            return None;
        }
        let over = text.class(end) & WORD == 0;
        (over && !placeholder::is_in(text, start, end) && self.passes(text.seen(at, end), body)).then_some(end)
    }

    fn passes(&self, all: &[u8], body: &[u8]) -> bool {
        match self.check {
            Check::None => true,
            Check::Crc32Base62 => checksums::crc32_base62(body) || looks_random(body, body.len()),
            Check::Bech32 => checksums::bech32(all).is_some(),
        }
    }
}

impl Part {
    fn end(&self, text: &Text<'_>, at: usize) -> Option<usize> {
        match *self {
            Self::Text(literal) => text.starts(at, literal).then_some(at + literal.len()),
            Self::Run(class, least, most) => {
                // Most runs are shorter than the format wants.
                if text.arrived(at + least - 1).is_some_and(|byte| class_of(byte) & class == 0) {
                    return None;
                }
                let end = text.run(at, class, most + 1);
                let length = trimmed(text, at, end) - at;
                (least..=most).contains(&length).then_some(at + length)
            }
        }
    }
}

/// Returns a full stop or dash at the end belongs to the sentence.
fn trimmed(text: &Text<'_>, at: usize, end: usize) -> usize {
    let bytes = text.seen(at, end);
    let dots = bytes.iter().rev().take_while(|&&byte| byte == b'.').count();
    end - dots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::LONGEST_PLAIN;
    use crate::text::class::HEX;

    /// The scan relies on it: it asks for no credential at a short word of letters alone.
    #[test]
    fn no_format_is_a_short_word_of_letters() {
        for rule in RULES.iter().filter(|rule| rule.prefix.iter().all(u8::is_ascii_alphabetic)) {
            let least = match rule.body.first() {
                Some(Part::Run(_, least, _)) => *least,
                Some(Part::Text(text)) => text.len(),
                None => 0,
            };
            assert!(rule.prefix.len() + least >= LONGEST_PLAIN, "{rule:?}");
        }
    }

    /// So does the search for candidates. A credential is longer than a word of fifteen letters and a sign, and none begins with digits
    /// alone but for one that a slash follows. In small letters alone none goes on with a sign behind a longer word than its prefix has.
    #[test]
    fn no_format_is_short_or_hidden_behind_a_word() {
        for rule in RULES {
            let least = |part: &Part| match part {
                Part::Run(_, least, _) => *least,
                Part::Text(text) => text.len(),
            };
            let length = rule.prefix.len() + rule.body.iter().map(least).sum::<usize>();
            let signs =
                rule.body.iter().any(|part| !matches!(part, Part::Run(class, ..) if class & !(WORD | HEX) == 0));
            assert!(length >= LONGEST_PLAIN + usize::from(signs), "{rule:?}");
            assert!(!rule.prefix.starts_with(b"1") || rule.prefix.starts_with(b"1/"), "{rule:?}");
            assert!(rule.prefix.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'1'), "{rule:?}");
            let small =
                rule.prefix.iter().all(u8::is_ascii_alphabetic) && !rule.prefix[1..].iter().any(u8::is_ascii_uppercase);
            if let (true, Some(Part::Run(class, ..))) = (small, rule.body.first()) {
                assert_eq!(class & !WORD & !HEX, 0, "{rule:?}");
            }
        }
    }
}
