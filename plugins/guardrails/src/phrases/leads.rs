//! The bytes that phrases begin with, in every case and width: at most places of a text no phrase begins, and a look at two bytes
//! tells.

use crate::block::{Beginnings, Window, lowest, words};
use crate::text::class::{WORD, class_of};
use crate::words::fold::narrow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Characters that another one may stand for; those beyond, and those of [`ALONE`], stand for themselves alone.
const ALL: RangeInclusive<char> = '\0'..='\u{1EFFF}';
/// Han, Kana, Hangul, and what lies between: neither cases nor spaces.
const ALONE: [RangeInclusive<char>; 2] = ['\u{3001}'..='\u{A63F}', '\u{AC00}'..='\u{FAFF}'];
const PAIRS: usize = 1 << 16;

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Leads {
    beginnings: Beginnings,
    /// Bits of the two first bytes.
    pairs: Vec<u64>,
}

impl Leads {
    /// Takes the first two characters of each phrase, folded.
    pub(super) fn new(phrases: &[(char, Option<char>)]) -> Self {
        let wanted: BTreeSet<char> =
            phrases.iter().flat_map(|(first, second)| [Some(*first), *second]).flatten().collect();
        let written = written(&wanted);
        let spellings = |c: char| written.get(&c).map(Vec::as_slice).unwrap_or_default();
        let mut leads = Self { beginnings: Beginnings::default(), pairs: vec![0; PAIRS / 64] };
        for &(first, second) in phrases {
            for &spelling in spellings(first) {
                let seconds = second.map(spellings);
                leads.add(spelling, seconds);
            }
        }
        leads
    }

    /// Adds a way to write a first character, with the ways to write the second one; none is any.
    fn add(&mut self, first: char, seconds: Option<&[char]>) {
        match (encoded(first), seconds) {
            ((a, Some(b)), _) => self.add_pair(a, b),
            ((a, None), Some(seconds)) => seconds.iter().for_each(|second| self.add_pair(a, encoded(*second).0)),
            ((a, None), None) => (0..=u8::MAX).for_each(|b| self.add_pair(a, b)),
        }
    }

    fn add_pair(&mut self, a: u8, b: u8) {
        self.beginnings.first.insert(a);
        self.beginnings.second.insert(b);
        let place = pair(a, b);
        if let Some(word) = self.pairs.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    /// Returns the mask of the places in a window at which a phrase can begin. Within a word in Latin letters none can.
    #[inline]
    pub(super) fn mask(&self, window: &Window, arrived: usize, before: Option<u8>) -> u64 {
        let leads = self.beginnings.mask(window, arrived);
        if leads == 0 {
            return 0;
        }
        let words = words(window) & lowest(arrived);
        let carry = u64::from(before.is_some_and(|byte| class_of(byte) & WORD != 0));
        leads & !(words & (words << 1 | carry))
    }

    /// Returns whether a phrase can begin with these bytes.
    #[inline]
    pub(super) fn may_begin(&self, rest: &[u8]) -> bool {
        let [a, b, ..] = *rest else { return true };
        let place = pair(a, b);
        self.pairs.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }
}

fn pair(a: u8, b: u8) -> usize {
    usize::from(a) << 8 | usize::from(b)
}

/// Returns the first byte of a character, and the second if it has one.
fn encoded(c: char) -> (u8, Option<u8>) {
    let mut room = [0; 4];
    match *c.encode_utf8(&mut room).as_bytes() {
        [a, b, ..] => (a, Some(b)),
        [a] => (a, None),
        [] => (0, None),
    }
}

/// Returns the characters that fold to each of some.
fn written(wanted: &BTreeSet<char>) -> BTreeMap<char, Vec<char>> {
    let mut written: BTreeMap<char, Vec<char>> = wanted.iter().map(|c| (*c, vec![*c])).collect();
    let alone = |c: &char| ALONE.iter().any(|range| range.contains(c));
    for c in ALL.filter(|c| !alone(c)) {
        let folded = fold(c);
        if folded != c
            && let Some(spellings) = written.get_mut(&folded)
        {
            spellings.push(c);
        }
    }
    written
}

/// Folds case and width; white space is a space.
pub(super) fn fold(c: char) -> char {
    let c = match c {
        '\u{FF01}'..='\u{FF5E}' => narrow(c).unwrap_or(c),
        _ if c.is_whitespace() => ' ',
        _ => c,
    };
    c.to_lowercase().next().unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_known() {
        let wanted: BTreeSet<char> = ('\0'..=char::MAX).map(fold).collect();
        let written = written(&wanted);
        for c in '\0'..=char::MAX {
            assert!(written.get(&fold(c)).is_some_and(|spellings| spellings.contains(&c)), "{c:?}");
        }
    }
}
