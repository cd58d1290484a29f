//! The words that the scan notices as it passes: a trie, walked from the beginning of a word.
//!
//! Whether a walk is worth it is told by the first three letters, so that most words of a text cost one look into a
//! small table. A walk steps over what may stand between words: "date of birth", "date_of_birth" and "dateOfBirth" are
//! one entry.

use super::fold::{Folded, fold, runs_on};
use crate::text::Text;
use std::collections::BTreeMap;

/// Longest stretch of text that a walk looks at, bytes.
const LONGEST_WALK: usize = 96;
/// Most characters between two words of a phrase.
const LONGEST_GAP: usize = 3;
const STARTS: usize = 1 << 15;
const WIDE_STARTS: usize = 1 << 12;

/// What a word tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// Topics of what follows.
    pub(crate) topics: u64,
    /// Its part in an attempt to take over instructions.
    pub(crate) roles: u32,
}

impl Meaning {
    fn or(self, other: Self) -> Self {
        Self { topics: self.topics | other.topics, roles: self.roles | other.roles }
    }
}

/// All words.
#[derive(Debug)]
pub(crate) struct Lexicon {
    /// Bits of what the first three bytes of a word may hash to.
    starts: Vec<u64>,
    /// Bits of what the first character of a word may be if it is not ASCII.
    wide_starts: Vec<u64>,
    nodes: Vec<Node>,
    edges: Vec<(u8, u32)>,
    meanings: Vec<Meaning>,
}

#[derive(Debug)]
struct Node {
    first: u32,
    count: u16,
    /// A word of a phrase ends here.
    gap: bool,
    /// Index of its meaning plus one.
    meaning: u16,
}

impl Lexicon {
    pub(crate) fn new<'w>(words: impl Iterator<Item = (&'w str, Meaning)>) -> Self {
        let mut growing = vec![Growing::default()];
        let mut lexicon = Self {
            starts: vec![0; STARTS / 64],
            wide_starts: vec![0; WIDE_STARTS / 64],
            nodes: Vec::new(),
            edges: Vec::new(),
            meanings: Vec::new(),
        };
        for (word, meaning) in words {
            let key = key(word);
            lexicon.note_start(word, key.as_bytes());
            let end = grow(&mut growing, key.as_bytes());
            if let Some(node) = growing.get_mut(end) {
                node.meaning = Some(node.meaning.unwrap_or_default().or(meaning));
            }
        }
        lexicon.flatten(&growing);
        lexicon
    }

    fn note_start(&mut self, word: &str, key: &[u8]) {
        let letters: Vec<u8> = key.iter().copied().filter(|byte| *byte != b' ').take(3).collect();
        if let [a, b, c] = *letters {
            set(&mut self.starts, hash([a, b, c]));
        }
        for first in word.chars().take(1).flat_map(|first| first.to_uppercase().chain(first.to_lowercase())) {
            set(&mut self.wide_starts, first as usize % WIDE_STARTS);
        }
    }

    /// The longest entry that begins at `at`, and where it ends.
    pub(crate) fn walk(&self, text: &Text<'_>, at: usize) -> Option<(Meaning, usize)> {
        let mut walk = Walk { node: 0, gap: 0, at, last: ' ' };
        let mut best = None;
        while walk.at - at < LONGEST_WALK && self.step(text, &mut walk) {
            if let Some(meaning) = self.meaning(walk.node)
                && walk.gap == 0
                && ends_word(text, walk.at, walk.last)
            {
                best = Some((meaning, walk.at));
            }
        }
        best
    }

    /// Whether a walk from here could get anywhere, by a look at three letters.
    #[inline]
    pub(crate) fn may_start(&self, rest: &[u8]) -> bool {
        let (a, b, c) = match *rest {
            [a, b, c, ..] if b.is_ascii_alphanumeric() && c.is_ascii_alphanumeric() => (a, b, c),
            [a, b, b' ', c, ..] if b.is_ascii_alphanumeric() && c.is_ascii_alphanumeric() => (a, b, c),
            [a, b' ', b, c, ..] if b.is_ascii_alphanumeric() && c.is_ascii_alphanumeric() => (a, b, c),
            // Accents, width and other gaps take the long way.
            _ => return true,
        };
        is_set(&self.starts, hash([a, b, c]))
    }

    /// The same for a character that is not ASCII; broken ones begin nothing.
    #[inline]
    pub(crate) fn may_start_wide(&self, rest: &[u8]) -> bool {
        let low = |byte: u8| usize::from(byte & 0x3F);
        let code = match *rest {
            [a @ 0xC2..=0xDF, b, ..] => usize::from(a & 0x1F) << 6 | low(b),
            [a @ 0xE0..=0xEF, b, c, ..] => usize::from(a & 0xF) << 12 | low(b) << 6 | low(c),
            _ => return false,
        };
        // Full width letters stand for others, and accents are no part of a word.
        code >= 0xFF00 || matches!(code, 0xC0..=0x17F) || is_set(&self.wide_starts, code % WIDE_STARTS)
    }

    fn flatten(&mut self, growing: &[Growing]) {
        for node in growing {
            let first = index(self.edges.len());
            self.edges.extend(node.children.iter().map(|(byte, child)| (*byte, index(*child))));
            let meaning = node.meaning.map_or(0, |meaning| self.index_of(meaning) + 1);
            let count = node.children.len().min(256) as u16;
            self.nodes.push(Node { first, count, gap: node.gap, meaning: u16::try_from(meaning).unwrap_or(0) });
        }
    }

    fn index_of(&mut self, meaning: Meaning) -> usize {
        let known = self.meanings.iter().position(|other| *other == meaning);
        known.unwrap_or_else(|| {
            self.meanings.push(meaning);
            self.meanings.len() - 1
        })
    }

    /// One character on; whether there is a way.
    fn step(&self, text: &Text<'_>, walk: &mut Walk) -> bool {
        let Some(byte) = text.get(walk.at) else { return false };
        if byte.is_ascii_lowercase() {
            return self.follow(walk, char::from(byte), char::from(byte), 1);
        }
        let length = text.char_len(walk.at);
        let Some(c) = text.char(walk.at) else { return false };
        match fold(c) {
            Folded::Letter(folded) => self.follow(walk, folded, c, length),
            Folded::Nothing => walk.pass(length, 0),
            Folded::Gap => self.nodes.get(walk.node as usize).is_some_and(|node| node.gap) && walk.pass(length, 1),
            Folded::Other => false,
        }
    }

    fn follow(&self, walk: &mut Walk, folded: char, c: char, length: usize) -> bool {
        let mut bytes = [0; 4];
        let found = folded.encode_utf8(&mut bytes).bytes().try_fold(walk.node, |node, byte| self.child(node, byte));
        let Some(node) = found else { return false };
        *walk = Walk { node, gap: 0, at: walk.at + length, last: c };
        true
    }

    fn child(&self, node: u32, byte: u8) -> Option<u32> {
        let node = self.nodes.get(node as usize)?;
        let edges = self.edges.get(node.first as usize..node.first as usize + usize::from(node.count))?;
        crate::steps::count(1);
        let place = edges.binary_search_by_key(&byte, |(label, _)| *label).ok()?;
        edges.get(place).map(|(_, child)| *child)
    }

    fn meaning(&self, node: u32) -> Option<Meaning> {
        let index = usize::from(self.nodes.get(node as usize)?.meaning).checked_sub(1)?;
        self.meanings.get(index).copied()
    }
}

struct Walk {
    node: u32,
    gap: usize,
    at: usize,
    /// The last letter, as it was written.
    last: char,
}

impl Walk {
    fn pass(&mut self, length: usize, gap: usize) -> bool {
        self.at += length;
        self.gap += gap;
        self.gap <= LONGEST_GAP
    }
}

/// Whether a word that ended with `last` is over: "card" is not in "cardinal", but in "cards" and in "cardNumber".
fn ends_word(text: &Text<'_>, at: usize, last: char) -> bool {
    if runs_on(last) {
        return true;
    }
    match text.get(at) {
        Some(b's') if last != 's' => !is_letter(text, at + 1),
        Some(b'A'..=b'Z') => last.is_lowercase() || last.is_ascii_digit(),
        _ => !is_letter(text, at),
    }
}

fn is_letter(text: &Text<'_>, at: usize) -> bool {
    match text.get(at) {
        Some(byte) if byte.is_ascii() => byte.is_ascii_alphabetic(),
        Some(0xC3..=0xC5) => text.char(at).is_some_and(char::is_alphabetic),
        _ => false,
    }
}

#[inline]
fn hash([a, b, c]: [u8; 3]) -> usize {
    let folded = |byte: u8| usize::from(byte & 31);
    folded(a) << 10 | folded(b) << 5 | folded(c)
}

#[inline]
fn is_set(bits: &[u64], bit: usize) -> bool {
    bits.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

fn set(bits: &mut [u64], bit: usize) {
    if let Some(word) = bits.get_mut(bit / 64) {
        *word |= 1 << (bit % 64);
    }
}

/// A phrase as the walk sees it: folded, with a space for each gap.
fn key(word: &str) -> String {
    let letter = |c| match fold(c) {
        Folded::Letter(c) => Some(c),
        Folded::Gap => Some(' '),
        _ => None,
    };
    word.chars().filter_map(letter).collect()
}

#[derive(Default)]
struct Growing {
    children: BTreeMap<u8, usize>,
    gap: bool,
    meaning: Option<Meaning>,
}

fn grow(nodes: &mut Vec<Growing>, key: &[u8]) -> usize {
    let mut at = 0;
    for &byte in key {
        let fresh = nodes.len();
        let Some(node) = nodes.get_mut(at) else { return at };
        if byte == b' ' {
            node.gap = true;
            continue;
        }
        at = *node.children.entry(byte).or_insert(fresh);
        if at == fresh {
            nodes.push(Growing::default());
        }
    }
    at
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
