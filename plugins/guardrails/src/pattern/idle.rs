//! Bytes that a search may skip while nothing is under way: they lead its automaton from every state of a beginning back to one.
//!
//! The literal that a pattern begins with need not be known for it. Its automaton tells which bytes a match can begin with, and which
//! can follow them; to go on behind all others is the same, by construction, as to follow them.

use crate::block::{Beginnings, ByteSet};
use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start::Config;

/// A match that can begin with more different bytes begins too often.
const MOST_FIRST: usize = 40;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Idle(Beginnings);

impl Idle {
    /// Returns nothing where it would be of no use.
    pub(super) fn new(forward: &dense::DFA<Vec<u32>>) -> Option<Self> {
        let mut states = vec![begin(forward, None)?];
        let mut behind = [StateID::ZERO; 256];
        for (byte, state) in (0..=u8::MAX).zip(&mut behind) {
            *state = begin(forward, Some(byte))?;
            if !states.contains(state) {
                states.push(*state);
            }
        }
        let automaton = Behind { forward, behind };
        let first: ByteSet = (0..=u8::MAX).filter(|byte| !automaton.is_idle(&states, *byte)).collect();
        if first.len() > MOST_FIRST {
            return None;
        }
        let begun: Vec<StateID> = automaton.after(&states, &first);
        let second = (0..=u8::MAX).filter(|byte| !automaton.is_idle(&begun, *byte)).collect();
        Some(Self(Beginnings { first, second }))
    }

    /// Returns how many bytes a search in the state of a beginning may skip.
    #[inline]
    pub(super) fn skip(&self, rest: &[u8]) -> usize {
        self.0.skip(rest)
    }
}

/// Returns the state of a search that begins behind a byte.
pub(super) fn begin(forward: &dense::DFA<Vec<u32>>, behind: Option<u8>) -> Option<StateID> {
    forward.start_state(&Config::new().anchored(Anchored::No).look_behind(behind)).ok()
}

/// An automaton, and the state in which it begins behind each byte.
struct Behind<'a> {
    forward: &'a dense::DFA<Vec<u32>>,
    behind: [StateID; 256],
}

impl Behind<'_> {
    /// Returns whether a byte leads from each of these states to that in which a search begins behind it.
    fn is_idle(&self, states: &[StateID], byte: u8) -> bool {
        let begins = self.behind.get(usize::from(byte));
        states.iter().all(|state| {
            let next = self.forward.next_state(*state, byte);
            !self.forward.is_match_state(*state) && !self.forward.is_match_state(next) && Some(&next) == begins
        })
    }

    /// Returns the states behind these bytes.
    fn after(&self, states: &[StateID], bytes: &ByteSet) -> Vec<StateID> {
        let mut after = Vec::new();
        for state in states {
            for byte in (0..=u8::MAX).filter(|byte| bytes.contains(*byte)) {
                let next = self.forward.next_state(*state, byte);
                if !after.contains(&next) {
                    after.push(next);
                }
            }
        }
        after
    }
}
