//! The words that the scan notes as it passes: a trie, walked from the beginning of a word.
//!
//! A walk steps over gaps between words: "date of birth", "date_of_birth" and "dateOfBirth" are one entry.

use super::fold::{
    FIRST_RUNNING_ON, Folded, ascii_base, fold, fold_on_walk, is_gap, narrow_letter, plain_length, runs_on,
};
use super::starts::Starts;
use crate::text::Text;
use std::collections::BTreeMap;

/// Longest stretch of text that a walk looks at, bytes.
const LONGEST_WALK: usize = 96;
/// Most characters between two words of a phrase.
const LONGEST_GAP: usize = 3;

/// The meaning of a word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// Topics of the text after it.
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
    starts: Starts,
    nodes: Vec<LexiconNode>,
    branches: Vec<Branch>,
    /// The children of all branches.
    children: Vec<u32>,
    /// The nodes behind two letters, 0 for none.
    pairs: Vec<u32>,
    meanings: Vec<Meaning>,
}

#[derive(Debug)]
struct LexiconNode {
    /// The child, if there is only one, else the index of the branch.
    next: u32,
    count: u16,
    /// The byte of the only child: nearly all nodes have one.
    only: u8,
    /// A word of a phrase ends here.
    gap: bool,
    /// Index of its meaning plus one.
    meaning: u16,
}

/// The children of a node that has several, found by counting bits: a search by halves would guess wrong at each step.
#[derive(Debug, Default)]
struct Branch {
    /// Bits of the bytes that have a child.
    bytes: [u64; 4],
    /// For each of these numbers, the index of its first child.
    begins: [u32; 4],
}

impl Lexicon {
    pub(crate) fn new<'w>(words: impl Iterator<Item = (&'w str, Meaning)>) -> Self {
        let mut growing = vec![NodeBuilder::default()];
        let mut lexicon = Self {
            starts: Starts::default(),
            nodes: Vec::new(),
            branches: Vec::new(),
            children: Vec::new(),
            pairs: Vec::new(),
            meanings: Vec::new(),
        };
        let mut keys = Vec::new();
        for (word, meaning) in words {
            let key = key(word);
            lexicon.starts.add(word, &key);
            let end = grow(&mut growing, key.as_bytes());
            if let Some(node) = growing.get_mut(end) {
                node.meaning = Some(node.meaning.unwrap_or_default().or(meaning));
            }
            keys.push(key);
        }
        lexicon.starts.complete(&keys);
        lexicon.flatten(&growing);
        lexicon
    }

    /// Has a word looked at that is no entry: a credential may begin with it and a sign.
    pub(crate) fn note(&mut self, word: &[u8]) {
        self.starts.note(word);
    }

    pub(crate) fn starts(&self) -> &Starts {
        &self.starts
    }

    /// Returns the longest entry that begins at `at`, and where it ends.
    pub(crate) fn walk(&self, text: &Text<'_>, at: usize) -> Option<(Meaning, usize)> {
        let mut walk = self.begin(text, at)?;
        let mut best = None;
        loop {
            if walk.node.meaning != 0 && walk.gap == 0 && ends_word(text, walk.at, walk.last) {
                best = Some((walk.node.meaning, walk.at));
            }
            if walk.at - at >= LONGEST_WALK || self.step(text, &mut walk).is_none() {
                break;
            }
        }
        let (meaning, end) = best?;
        Some((*self.meanings.get(usize::from(meaning) - 1)?, end))
    }

    /// Begins a walk: behind two letters if there is a shortcut for them, else at the first node.
    fn begin(&self, text: &Text<'_>, at: usize) -> Option<Walk<'_>> {
        if let [a, b, ..] = *text.rest(at)
            && a.is_ascii_alphabetic()
            && b.is_ascii_alphabetic()
            && let Some(node) = self.pairs.get(pair(a, b)).copied().filter(|node| *node != 0)
        {
            let node = self.nodes.get(node as usize)?;
            return Some(Walk { node, gap: 0, at: at + 2, last: char::from(b) });
        }
        Some(Walk { node: self.nodes.first()?, gap: 0, at, last: ' ' })
    }

    /// Adds a shortcut for each two letters, unless the first of them is an entry.
    fn add_pairs(&mut self) {
        let Some(root) = self.nodes.first() else { return };
        let first = |a: u8| self.child(root, a).filter(|node| node.meaning == 0);
        let second = |place: usize| self.child_index(first(letter(place >> 5))?, letter(place & 31));
        self.pairs = (0..1 << 10).map(|place| second(place).unwrap_or(0)).collect();
    }

    fn flatten(&mut self, growing: &[NodeBuilder]) {
        for node in growing {
            let (only, next) = match node.children.first_key_value() {
                Some((byte, child)) if node.children.len() == 1 => (*byte, index(*child)),
                _ => (0, index(self.branches.len())),
            };
            if node.children.len() > 1 {
                self.add_branch(&node.children);
            }
            let meaning = node.meaning.map_or(0, |meaning| self.index_of(meaning) + 1);
            self.nodes.push(LexiconNode {
                next,
                count: node.children.len().min(256) as u16,
                only,
                gap: node.gap,
                meaning: u16::try_from(meaning).unwrap_or(0),
            });
        }
        self.add_pairs();
    }

    fn add_branch(&mut self, children: &BTreeMap<u8, usize>) {
        let mut branch = Branch::default();
        for (place, (bytes, begins)) in branch.bytes.iter_mut().zip(&mut branch.begins).enumerate() {
            *begins = index(self.children.len());
            for (byte, child) in children.iter().filter(|(byte, _)| usize::from(**byte) / 64 == place) {
                *bytes |= 1 << (byte % 64);
                self.children.push(index(*child));
            }
        }
        self.branches.push(branch);
    }

    fn index_of(&mut self, meaning: Meaning) -> usize {
        let known = self.meanings.iter().position(|other| *other == meaning);
        known.unwrap_or_else(|| {
            self.meanings.push(meaning);
            self.meanings.len() - 1
        })
    }

    /// Follows one character; none if no entry continues with it.
    fn step<'l>(&'l self, text: &Text<'_>, walk: &mut Walk<'l>) -> Option<()> {
        let byte = text.get(walk.at)?;
        if byte.is_ascii_alphanumeric() {
            let child = self.child(walk.node, byte.to_ascii_lowercase())?;
            return walk.follow(child, 1, char::from(byte));
        }
        if byte.is_ascii() {
            return if is_gap(byte) { walk.pass(1, 1) } else { None };
        }
        self.step_wide(text, walk)
    }

    /// The same for a character that is not ASCII.
    fn step_wide<'l>(&'l self, text: &Text<'_>, walk: &mut Walk<'l>) -> Option<()> {
        let length = plain_length(text.rest(walk.at));
        if length > 0 {
            // A part of a character is none yet.
            text.get(walk.at + length - 1)?;
            let bytes = walk.at..walk.at + length;
            let child = bytes.into_iter().try_fold(walk.node, |node, at| self.child(node, text.get(at)?))?;
            return walk.follow(child, length, FIRST_RUNNING_ON);
        }
        if let Some(letter) = narrow_letter(text.rest(walk.at)) {
            let child = self.child(walk.node, letter.to_ascii_lowercase())?;
            return walk.follow(child, 3, FIRST_RUNNING_ON);
        }
        if let [0xCC, 0x80..=0xBF, ..] | [0xCD, 0x80..=0xAF, ..] = text.rest(walk.at) {
            // Accents that stand by themselves.
            return walk.pass(2, 0);
        }
        let c = text.char(walk.at)?;
        if let [lead @ 0xC3..=0xC5, low, ..] = *text.rest(walk.at)
            && let Some(base) = ascii_base(lead, low)
        {
            return walk.follow(self.child(walk.node, base)?, 2, c);
        }
        match fold_on_walk(c) {
            Folded::Letter(folded) => {
                let mut bytes = [0; 4];
                let bytes = folded.encode_utf8(&mut bytes).bytes();
                let child = bytes.into_iter().try_fold(walk.node, |node, byte| self.child(node, byte))?;
                walk.follow(child, c.len_utf8(), c)
            }
            Folded::Nothing => walk.pass(c.len_utf8(), 0),
            Folded::Gap => walk.pass(c.len_utf8(), 1),
            Folded::Other => None,
        }
    }

    #[inline]
    fn child(&self, node: &LexiconNode, byte: u8) -> Option<&LexiconNode> {
        self.nodes.get(self.child_index(node, byte)? as usize)
    }

    #[inline]
    fn child_index(&self, node: &LexiconNode, byte: u8) -> Option<u32> {
        match node.count {
            0 => None,
            1 => (node.only == byte).then_some(node.next),
            _ => self.branch_child(node.next, byte),
        }
    }

    fn branch_child(&self, branch: u32, byte: u8) -> Option<u32> {
        crate::steps::count(1);
        let branch = self.branches.get(branch as usize)?;
        let (place, bit) = (usize::from(byte) / 64, 1_u64 << (byte % 64));
        let bytes = *branch.bytes.get(place)?;
        if bytes & bit == 0 {
            return None;
        }
        let before = (bytes & (bit - 1)).count_ones();
        self.children.get((branch.begins.get(place)? + before) as usize).copied()
    }
}

struct Walk<'l> {
    node: &'l LexiconNode,
    gap: usize,
    at: usize,
    /// The last letter, as it was written, or [`FIRST_RUNNING_ON`] for any letter that runs on.
    last: char,
}

impl<'l> Walk<'l> {
    fn follow(&mut self, node: &'l LexiconNode, length: usize, last: char) -> Option<()> {
        *self = Walk { node, gap: 0, at: self.at + length, last };
        Some(())
    }

    /// Steps over a character that is no letter, which may be a gap between two words.
    fn pass(&mut self, length: usize, gap: usize) -> Option<()> {
        self.at += length;
        self.gap += gap;
        (gap == 0 || self.node.gap && self.gap <= LONGEST_GAP).then_some(())
    }
}

/// Returns whether a word that ended with `last` is over: "card" is not in "cardinal", but in "cards" and in "cardNumber".
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
        // All of them are letters but two.
        Some(0xC3..=0xC5) => text.char(at).is_some_and(|c| !matches!(c, '×' | '÷')),
        _ => false,
    }
}

/// Returns the place of two letters, in either case.
fn pair(a: u8, b: u8) -> usize {
    usize::from(a & 31) << 5 | usize::from(b & 31)
}

/// Returns the small letter with this number; no letter for a number that none has.
fn letter(number: usize) -> u8 {
    (number as u8 & 31) | 0x60
}

/// Returns a phrase as the walk sees it: folded, with a space for each gap.
fn key(word: &str) -> String {
    let letter = |c| match fold(c) {
        Folded::Letter(c) => Some(c),
        Folded::Gap => Some(' '),
        _ => None,
    };
    word.chars().filter_map(letter).collect()
}

#[derive(Default)]
struct NodeBuilder {
    children: BTreeMap<u8, usize>,
    gap: bool,
    meaning: Option<Meaning>,
}

fn grow(nodes: &mut Vec<NodeBuilder>, key: &[u8]) -> usize {
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
            nodes.push(NodeBuilder::default());
        }
    }
    at
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::vocabulary::VOCABULARY;

    #[test]
    fn accented_latin_is_letters_but_for_two_signs() {
        for c in '\u{C0}'..='\u{17F}' {
            assert_eq!(c.is_alphabetic(), !matches!(c, '×' | '÷'), "{c:?}");
        }
    }

    #[test]
    fn no_entry_begins_in_two_scripts() {
        let entries = VOCABULARY.iter().flat_map(|(_, words)| words.iter());
        let parts = crate::injection::PARTS.iter().flat_map(|(_, words)| words.iter());
        for word in entries.chain(parts) {
            let key = key(word);
            let latin = |c: char| {
                c.is_ascii() || ('\u{180}'..='\u{24F}').contains(&c) || ('\u{1E00}'..='\u{1FFF}').contains(&c)
            };
            let mixed = key.starts_with(|c: char| c.is_ascii()) && !key.chars().nth(1).is_none_or(latin);
            assert!(!mixed, "{word}");
        }
    }
}
