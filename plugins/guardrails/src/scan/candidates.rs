//! The scan for the built-in kinds: masks of 64 bytes tell where something can begin, and only there detectors run.
//!
//! Most words of a text are letters with a sign behind them that no format goes on with, and are no word of context. Those
//! are found without a look at them one by one, but for one lookup in a table. All other stops are examined by [`super::calm`], and most
//! of them need no detector either.

use super::calm::{self, Need};
use super::every_stop;
use super::state::{Pass, ScanState};
use super::stops::{entry, mark, wide_run, word};
use super::stops_of_block::Stops;
use crate::block::{BLOCK, EMPTY, lowest, window};

/// In a shorter text to look at each stop takes less time than to find candidates.
const SHORT: usize = 24;
/// Stops of a block for detectors from which on a text is dense: candidates are not looked for in its next bytes.
const MANY: u32 = 8;
const DENSE: usize = 512;

/// Stops that matter for the sake of a word of context before.
struct Reach {
    /// Before it words and numbers may be of a date of birth.
    dated: usize,
    stops: u64,
}

/// Goes on to `upto`; none if there is not enough text for the stop at the state's position.
pub(super) fn scan(pass: &mut Pass<'_, '_>, state: &mut ScanState, upto: usize) -> Option<()> {
    let mut room = EMPTY;
    while state.at < upto {
        let rest = pass.text.rest(state.at);
        if rest.is_empty() {
            break;
        }
        if rest.len() < SHORT || state.at < state.dense_until {
            let until = if rest.len() < SHORT { upto } else { upto.min(state.dense_until) };
            // It keeps what is known of an address.
            state.begin_of_address(pass.text);
            every_stop::scan(pass, state, until)?;
            continue;
        }
        crate::steps::count(BLOCK / 16);
        let before = [2, 1].map(|back| state.at.checked_sub(back).and_then(|at| pass.text.arrived(at)).unwrap_or(0));
        let stops =
            Stops::new(window(rest, &mut room), state.at, rest.len(), before, pass.guard.lexicon().starts().words());
        stops.examine(pass, state)?;
    }
    Some(())
}

impl Stops<'_> {
    /// Examines the stops; none if there is not enough text for one of them.
    fn examine(&self, pass: &mut Pass<'_, '_>, state: &mut ScanState) -> Option<()> {
        let (mut left, mut more, mut visits) = (u64::MAX, 0, 0);
        let mut reach = self.reach(state);
        loop {
            let pending = (self.candidates | more | reach.stops) & left;
            if pending == 0 {
                break;
            }
            crate::steps::count(1);
            let mut place = pending.trailing_zeros() as usize;
            let need = match () {
                () if self.classes.words >> place & 1 == 1 => {
                    place = self.beginning(place);
                    left &= !lowest(self.end_of_word(place));
                    if place < reach.dated { Need::All } else { calm::need_of_word(pass, state, self, place) }
                }
                () => {
                    left &= !lowest(place + 1);
                    self.need_of_sign(pass, state, place, more)
                }
            };
            state.at = self.begin + place;
            let next = match need {
                Need::Nothing => continue,
                Need::Entry { length } => entry(pass, state, length)?,
                Need::All => self.stop(pass, state, place)?,
            } - self.begin;
            left &= !lowest(next);
            visits += 1;
            if visits == MANY {
                state.dense_until = self.begin + DENSE;
            }
            if next >= self.end {
                state.at = self.begin + next;
                return Some(());
            }
            // A run of characters beyond ASCII may stop in the middle.
            more = if self.classes.wide >> place & 1 == 1 { self.classes.wide & 1 << next } else { 0 };
            reach = self.reach(state);
        }
        state.at = self.begin + self.end;
        Some(())
    }

    fn need_of_sign(&self, pass: &Pass<'_, '_>, state: &ScanState, place: usize, more: u64) -> Need {
        if self.classes.marks >> place & 1 == 1 {
            return calm::need_of_mark(state, self, place);
        }
        if more >> place & 1 == 1 { Need::All } else { calm::need_of_run(pass, self, place) }
    }

    /// Returns which other stops matter for the sake of a word of context before.
    fn reach(&self, state: &ScanState) -> Reach {
        let within = |until: usize| until.saturating_sub(self.begin);
        let topics = &state.topics;
        let dated = within(topics.birth_until());
        let words = self.starts & lowest(dated.max(within(topics.verb_until())));
        let marks = self.classes.marks & lowest(within(topics.sign_until()));
        Reach { dated, stops: (words | marks) & lowest(self.end) }
    }

    /// Runs the detectors of the stop at the state's position; returns where to go on.
    fn stop(&self, pass: &mut Pass<'_, '_>, state: &mut ScanState, place: usize) -> Option<usize> {
        if self.classes.words >> place & 1 == 1 {
            return examine_word(pass, state);
        }
        if self.classes.marks >> place & 1 == 0 {
            pass.text.begin();
            return wide_run(pass, state);
        }
        let byte = pass.text.arrived(state.at)?;
        mark(pass, state, byte)
    }
}

// Where nearly every stop is for detectors, they are a part of the loop; here they would only keep its values out of registers.
#[inline(never)]
fn examine_word(pass: &mut Pass<'_, '_>, state: &mut ScanState) -> Option<usize> {
    word(pass, state)
}
