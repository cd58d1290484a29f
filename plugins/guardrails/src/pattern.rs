//! Regular expressions of policies, on dense automata: one step a byte for every text.
//!
//! A search library scans a whole text. Here the automaton is walked by hand, to know when no match is under way and a
//! stream can flow. A match that is under way is followed for [`LIMIT`] bytes; then the search begins again in the middle of
//! them. So every match of up to half of that is found, at every chunking the same.

mod idle;

use crate::policies::Policies;
use crate::text::Text;
use idle::{Idle, begin};
use regex_automata::dfa::{Automaton, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start::Config;
use regex_automata::util::syntax;
use regex_automata::{Anchored, MatchKind};

/// Most bytes that one search follows.
pub(crate) const LIMIT: usize = 4000;
/// See [`Search::is_far`].
const MOST_IN_VAIN: usize = 4;
const LITTLE: usize = 32;
const LONGEST_PATTERN: usize = 1000;
const MOST_BYTES: usize = 512 * 1024;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    forward: dense::DFA<Vec<u32>>,
    reverse: dense::DFA<Vec<u32>>,
    /// The bytes that a search skips while nothing is under way.
    idle: Option<Idle>,
    pub(crate) policies: Policies,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The reason: its syntax, its size, or that it matches nothing in particular.
    pub(crate) fn new(pattern: &str, policy: usize) -> Result<Self, String> {
        if pattern.len() > LONGEST_PATTERN {
            return Err(format!("a pattern has {LONGEST_PATTERN} bytes at most"));
        }
        let forward = build(pattern, false)?;
        let reverse = build(pattern, true)?;
        let idle = Idle::new(&forward);
        let compiled = Self { forward, reverse, idle, policies: Policies::from_iter([policy]) };
        if compiled.matches_empty() {
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

    /// Goes on to `upto`, as far as verdicts can be made; returns where they end. `everywhere` skips nothing.
    pub(crate) fn scan(
        &self,
        text: &Text<'_>,
        search: &mut Search,
        upto: usize,
        everywhere: bool,
        mut report: impl FnMut(usize, usize),
    ) -> usize {
        let idle = self.idle.as_ref().filter(|_| !everywhere);
        while search.from < upto {
            if self.walk(text, search, idle, &mut report) {
                return search.open;
            }
        }
        search.from
    }

    /// One search, from where it stopped if it has begun. `true` says that the text ended in the middle of it.
    fn walk(
        &self,
        text: &Text<'_>,
        search: &mut Search,
        idle: Option<&Idle>,
        report: &mut impl FnMut(usize, usize),
    ) -> bool {
        let from = search.from;
        let begin = |at: usize| begin(&self.forward, text.before(at));
        let Some(mut state) = search.state.or_else(|| begin(from)) else {
            search.go_on(text.end());
            return true;
        };
        loop {
            if let (Some(idle), true) = (idle, search.open == search.at && search.ended.is_none()) {
                let skipped = idle.skip(text.rest(search.at));
                if skipped > 0
                    && let Some(again) = begin(search.at + skipped)
                {
                    search.at += skipped;
                    (search.open, state) = (search.at, again);
                }
            }
            let byte = text.arrived(search.at);
            crate::steps::count(1);
            state = match byte {
                Some(byte) => self.forward.next_state(state, byte),
                None if text.is_whole() => self.forward.next_eoi_state(state),
                None => {
                    search.state = Some(state);
                    return true;
                }
            };
            if self.forward.is_match_state(state) {
                search.ended = Some(search.at);
            } else if search.ended.is_none() && self.begins(state) {
                search.open = search.at + 1;
            }
            let over = byte.is_none() || self.forward.is_dead_state(state) || self.forward.is_quit_state(state);
            if over || search.is_far() {
                break;
            }
            search.at += 1;
        }
        self.end(text, search, report)
    }

    /// Reports the match of a finished search, and sets where the next one begins.
    fn end(&self, text: &Text<'_>, search: &mut Search, report: &mut impl FnMut(usize, usize)) -> bool {
        let Search { from, open, at, .. } = *search;
        let Some(end) = search.ended else {
            let over = at >= text.end();
            search.go_on(if over { text.end() } else { (at - LIMIT / 2).max(from + 1) });
            return over;
        };
        let start = self.start(text, open, end);
        if start < end {
            report(start, end);
        }
        let next = end.max(from + 1);
        search.in_vain += (at + 1).saturating_sub(next);
        search.go_on(next);
        next > text.end()
    }

    /// Returns whether nothing is under way in this state.
    fn begins(&self, state: StateID) -> bool {
        self.forward.is_special_state(state) && self.forward.is_start_state(state)
    }

    /// Returns where the match began that ends at `end`.
    fn start(&self, text: &Text<'_>, open: usize, end: usize) -> usize {
        let config = Config::new().anchored(Anchored::Yes).look_behind(text.arrived(end));
        let Ok(mut state) = self.reverse.start_state(&config) else { return end };
        let (mut at, mut start) = (end, end);
        loop {
            crate::steps::count(1);
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

/// The state of the search for one pattern.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// The beginning of this one.
    from: usize,
    /// None before its first byte.
    state: Option<StateID>,
    /// The byte that is next.
    at: usize,
    /// Nothing that is under way began before.
    open: usize,
    /// The end of the match that it has seen so far.
    ended: Option<usize>,
    /// Bytes that searches read in vain behind their matches.
    in_vain: usize,
}

impl Search {
    fn go_on(&mut self, from: usize) {
        *self = Self { from, at: from, open: from, in_vain: self.in_vain, ..Self::default() };
    }

    /// Returns whether the search has followed a possible match for long enough. A match is followed for a longer one; where that was
    /// in vain so often that the text has been read [`MOST_IN_VAIN`] times over, [`LITTLE`] bytes behind it have to do.
    fn is_far(&self) -> bool {
        let since = |began: usize| self.at.saturating_sub(began);
        let tired = self.in_vain > self.from.saturating_mul(MOST_IN_VAIN) + LIMIT * MOST_IN_VAIN;
        since(self.open) >= LIMIT || tired && self.ended.is_some_and(|ended| since(ended) >= LITTLE)
    }
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
