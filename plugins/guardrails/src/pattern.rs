//! Regular expressions of policies, on dense automata: one step a byte, whatever the text.
//!
//! A search library looks at a whole text. Here the automaton is walked by hand, so that it can be said when nothing is
//! under way and a stream can flow. What is under way is followed for [`LIMIT`] bytes; then the search begins again in
//! the middle of them, so that every match of up to half of that is found, at every chunking the same.

use crate::policies::Policies;
use crate::text::Text;
use regex_automata::dfa::{Automaton, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start::Config;
use regex_automata::util::syntax;
use regex_automata::{Anchored, MatchKind};

/// Most bytes that one search follows.
pub(crate) const LIMIT: usize = 4000;
const LONGEST_PATTERN: usize = 1000;
const MOST_BYTES: usize = 512 * 1024;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    forward: dense::DFA<Vec<u32>>,
    reverse: dense::DFA<Vec<u32>>,
    pub(crate) policies: Policies,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Why it cannot be: its syntax, its size, or that it matches nothing in particular.
    pub(crate) fn new(pattern: &str, policy: usize) -> Result<Self, String> {
        if pattern.len() > LONGEST_PATTERN {
            return Err(format!("a pattern has {LONGEST_PATTERN} bytes at most"));
        }
        let forward = build(pattern, false)?;
        let reverse = build(pattern, true)?;
        let compiled = Self { forward, reverse, policies: Policies::from_iter([policy]) };
        let nothing = Text::new(b"", 0, true);
        let mut empty = false;
        compiled.walk(&nothing, 0, |_, _| empty = true);
        if empty || compiled.matches_empty() {
            return Err("it matches the empty text".into());
        }
        Ok(compiled)
    }

    fn matches_empty(&self) -> bool {
        let config = Config::new().anchored(Anchored::Yes);
        self.forward
            .start_state(&config)
            .is_ok_and(|state| self.forward.is_match_state(self.forward.next_eoi_state(state)))
    }

    /// Goes on from `at` as far as verdicts can be made; returns where they end.
    pub(crate) fn scan(&self, text: &Text<'_>, at: usize, mut report: impl FnMut(usize, usize)) -> usize {
        let mut at = at;
        loop {
            let next = self.walk(text, at, &mut report);
            match next {
                Next::From(next) => at = next,
                Next::Stop(at) => return at,
            }
        }
    }

    fn walk(&self, text: &Text<'_>, from: usize, mut report: impl FnMut(usize, usize)) -> Next {
        let config = Config::new().anchored(Anchored::No).look_behind(text.before(from));
        let Ok(mut state) = self.forward.start_state(&config) else { return Next::Stop(text.end()) };
        let (mut open, mut at, mut ended) = (from, from, None);
        loop {
            let byte = text.arrived(at);
            state = match byte {
                Some(byte) => self.forward.next_state(state, byte),
                None if text.is_whole() => self.forward.next_eoi_state(state),
                None => return Next::Stop(open),
            };
            if self.forward.is_match_state(state) {
                ended = Some(at);
            } else if ended.is_none() && self.begins(state) {
                open = at + 1;
            }
            let over = byte.is_none() || self.forward.is_dead_state(state) || self.forward.is_quit_state(state);
            if over || at - open.min(at) >= LIMIT {
                break;
            }
            at += 1;
        }
        let Some(end) = ended else {
            return if at >= text.end() { Next::Stop(text.end()) } else { Next::From((at - LIMIT / 2).max(from + 1)) };
        };
        let start = self.start(text, open, end);
        if start < end {
            report(start, end);
        }
        Next::From(end.max(from + 1))
    }

    /// Whether nothing is under way in this state.
    fn begins(&self, state: StateID) -> bool {
        self.forward.is_special_state(state) && self.forward.is_start_state(state)
    }

    /// Where the match began that ends at `end`.
    fn start(&self, text: &Text<'_>, open: usize, end: usize) -> usize {
        let config = Config::new().anchored(Anchored::Yes).look_behind(text.arrived(end));
        let Ok(mut state) = self.reverse.start_state(&config) else { return end };
        let (mut at, mut start) = (end, end);
        loop {
            let byte = text.before(at).filter(|_| at > open);
            state = match (byte, text.before(at)) {
                (Some(byte), _) | (None, Some(byte)) => self.reverse.next_state(state, byte),
                (None, None) => self.reverse.next_eoi_state(state),
            };
            if self.reverse.is_match_state(state) {
                start = at;
            }
            if byte.is_none() || self.reverse.is_dead_state(state) {
                return start;
            }
            at -= 1;
        }
    }
}

enum Next {
    /// Search again from here.
    From(usize),
    /// All that has arrived is decided up to here.
    Stop(usize),
}

fn build(pattern: &str, reverse: bool) -> Result<dense::DFA<Vec<u32>>, String> {
    let syntax = syntax::Config::new().unicode(false).utf8(false);
    let nfa = thompson::Config::new().utf8(false).reverse(reverse).nfa_size_limit(Some(MOST_BYTES));
    let config = dense::Config::new()
        .specialize_start_states(true)
        .match_kind(if reverse { MatchKind::All } else { MatchKind::LeftmostFirst })
        .dfa_size_limit(Some(MOST_BYTES))
        .determinize_size_limit(Some(MOST_BYTES * 4));
    let built = dense::Builder::new().configure(config).syntax(syntax).thompson(nfa).build(pattern);
    built.map_err(|error| {
        let mut reason = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            reason = error.to_string();
            cause = error.source();
        }
        reason
    })
}
