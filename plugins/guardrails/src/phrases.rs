//! The words and phrases of policies: case and width folded, whole words, white space of any kind between them.

use crate::policies::Policies;
use crate::text::Text;
use crate::words::fold::narrow;

/// A trie over folded characters.
#[derive(Debug, Default)]
pub(crate) struct Phrases {
    nodes: Vec<PhraseNode>,
    /// Bytes that the first character of a phrase can begin with, in any case and width.
    leads: Vec<bool>,
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
            self.leads = vec![false; 256];
        }
        let mut at = 0;
        for c in folded(phrase) {
            at = self.child_or_new(at, c);
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.policies.insert(policy);
        }
        if let Some(first) = folded(phrase).next() {
            self.lead(first);
        }
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

    /// Another case or width of an ASCII letter, and every other character, begins with a byte that is not ASCII.
    fn lead(&mut self, c: char) {
        for (byte, lead) in (0..=u8::MAX).zip(&mut self.leads) {
            *lead |= byte >= 0x80 || u32::from(char::from(byte).to_ascii_lowercase()) == u32::from(c);
        }
    }

    /// Goes on to `upto`, as far as verdicts can be made. Reports each phrase with its policies.
    pub(crate) fn scan(
        &self,
        text: &Text<'_>,
        position: &mut PhrasePosition,
        upto: usize,
        mut report: impl FnMut(usize, usize, Policies),
    ) {
        if !text.is_whole() && text.end() < position.rescan_at {
            return;
        }
        while let Some(byte) = text.arrived(position.at).filter(|_| position.at < upto) {
            text.begin();
            crate::steps::count(1);
            let length = text.char_len(position.at);
            let begins = self.leads.get(usize::from(byte)) == Some(&true);
            let found = if begins { self.walk(text, position.at) } else { Vec::new() };
            if text.is_short() {
                position.rescan_at = text.rescan_at(position.at);
                return;
            }
            for (end, policies) in found {
                report(position.at, end, policies);
            }
            position.at += length;
        }
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

fn fold(c: char) -> char {
    let c = match c {
        '\u{FF01}'..='\u{FF5E}' => narrow(c).unwrap_or(c),
        _ if c.is_whitespace() => ' ',
        _ => c,
    };
    c.to_lowercase().next().unwrap_or(c)
}
