//! The words and phrases of policies: case and width folded, whole words, white space of any kind between them.

mod leads;

use crate::block::{BLOCK, EMPTY, lowest, window};
use crate::policies::Policies;
use crate::text::Text;
use leads::{Leads, fold};

/// A trie over folded characters.
#[derive(Debug, Default)]
pub(crate) struct Phrases {
    nodes: Vec<PhraseNode>,
    leads: Leads,
}

/// The progress of the scan for phrases.
#[derive(Debug, Default)]
pub(crate) struct PhrasePosition {
    pub(crate) at: usize,
    /// A scan is useless before so much text has arrived.
    rescan_at: usize,
}

#[derive(Debug, Default)]
struct PhraseNode {
    /// By character.
    edges: Vec<(char, u32)>,
    policies: Policies,
}

impl Phrases {
    /// Adds a phrase of a policy.
    pub(crate) fn add(&mut self, phrase: &str, policy: usize) {
        if self.nodes.is_empty() {
            self.nodes.push(PhraseNode::default());
        }
        let mut at = 0;
        for c in folded(phrase) {
            at = self.child_or_new(at, c);
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.policies.insert(policy);
        }
    }

    /// Ends the list.
    pub(crate) fn finish(&mut self) {
        if !self.is_empty() {
            self.leads = Leads::new(&self.first_two());
        }
    }

    /// Returns the first two characters of phrases, folded; of a short one there is only one.
    fn first_two(&self) -> Vec<(char, Option<char>)> {
        let Some(root) = self.nodes.first() else { return Vec::new() };
        let mut pairs = Vec::new();
        for &(first, child) in &root.edges {
            let Some(node) = self.nodes.get(child as usize) else { continue };
            if !node.policies.is_empty() {
                pairs.push((first, None));
            }
            pairs.extend(node.edges.iter().map(|(second, _)| (first, Some(*second))));
        }
        pairs
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn child_or_new(&mut self, at: usize, c: char) -> usize {
        let fresh = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        match node.edges.binary_search_by_key(&c, |(label, _)| *label) {
            Ok(place) => node.edges.get(place).map_or(at, |(_, child)| *child as usize),
            Err(place) => {
                node.edges.insert(place, (c, u32::try_from(fresh).unwrap_or(0)));
                self.nodes.push(PhraseNode::default());
                fresh
            }
        }
    }

    /// Goes on to `upto`, as far as verdicts can be made. Reports each phrase with its policies. `everywhere` tries every place.
    pub(crate) fn scan(
        &self,
        text: &Text<'_>,
        position: &mut PhrasePosition,
        upto: usize,
        everywhere: bool,
        mut report: impl FnMut(usize, usize, Policies),
    ) {
        if !text.is_whole() && text.end() < position.rescan_at {
            return;
        }
        let mut room = EMPTY;
        while position.at < upto {
            let rest = text.rest(position.at);
            if rest.is_empty() {
                return;
            }
            crate::steps::count(1);
            let before = text.before(position.at);
            let begin = position.at;
            let mut leads = match everywhere {
                true => lowest(rest.len()),
                false => self.leads.mask(window(rest, &mut room), rest.len(), before),
            };
            while leads != 0 {
                position.at = begin + leads.trailing_zeros() as usize;
                leads &= leads - 1;
                if position.at >= upto || !self.walk_at(text, position, everywhere, &mut report) {
                    return;
                }
            }
            position.at = begin + rest.len().min(BLOCK);
        }
    }

    /// Reports the phrases that begin at a position; false if there is not enough text to tell.
    fn walk_at(
        &self,
        text: &Text<'_>,
        position: &mut PhrasePosition,
        everywhere: bool,
        report: &mut impl FnMut(usize, usize, Policies),
    ) -> bool {
        if !everywhere && !self.leads.may_begin(text.rest(position.at)) {
            return true;
        }
        text.begin();
        let found = self.walk(text, position.at);
        if text.is_short() {
            position.rescan_at = text.rescan_at(position.at);
            return false;
        }
        for (end, policies) in found {
            report(position.at, end, policies);
        }
        true
    }

    /// Returns the phrases that begin here; of each policy's the longest.
    fn walk(&self, text: &Text<'_>, start: usize) -> Vec<(usize, Policies)> {
        let mut found: Vec<(usize, Policies)> = Vec::new();
        let Some(first) = text.char(start) else { return found };
        if self.child(0, fold(first)).is_none() {
            return found;
        }
        if needs_boundary(first) && text.char_before(start).is_some_and(needs_boundary) {
            return found;
        }
        let (mut node, mut at, mut last) = (0, start, ' ');
        while at - start <= crate::MAX_WORD_BYTES * 3 {
            let Some(c) = text.char(at) else { break };
            at += c.len_utf8();
            let c = fold(c);
            if c == ' ' && last == ' ' && at > start + 1 {
                continue;
            }
            let Some(child) = self.child(node, c) else { break };
            (node, last) = (child, c);
            let Some(policies) = self.nodes.get(node).map(|node| node.policies).filter(|policies| !policies.is_empty())
            else {
                continue;
            };
            if !needs_boundary(c) || text.char(at).is_none_or(|next| !needs_boundary(next)) {
                found.push((at, policies));
            }
        }
        found
    }

    fn child(&self, node: usize, c: char) -> Option<usize> {
        let edges = &self.nodes.get(node)?.edges;
        let place = edges.binary_search_by_key(&c, |(label, _)| *label).ok()?;
        edges.get(place).map(|(_, child)| *child as usize)
    }
}

/// Letters and digits of scripts that set words apart.
fn needs_boundary(c: char) -> bool {
    c.is_alphanumeric()
        && !matches!(c as u32, 0xE00..=0xEFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x2E80..=0x9FFF | 0xAC00..=0xD7FF | 0xF900..=0xFAFF | 0xFF66..=0xFFDC | 0x2_0000..=0x3_FFFF)
}

/// Returns a phrase as the trie has it: folded, one space between its words.
fn folded(phrase: &str) -> impl Iterator<Item = char> {
    let mut last = ' ';
    phrase.trim().chars().map(fold).filter(move |c| {
        let twice = *c == ' ' && last == ' ';
        last = *c;
        !twice
    })
}
