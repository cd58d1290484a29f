//! Stops at which no detector can find anything, told by a few bytes around them. Most stops of a text are so.
//!
//! Each condition is one of the detectors': the differential tests hold it to them.

use super::state::{ADDRESS, Pass, ScanState};
use super::stops::ends_plain;
use super::stops_of_block::Stops;
use crate::block::{BLOCK, is_live, lowest};
use crate::context::Token;
use crate::text::class::{WIDE, WORD, class_of};
use crate::words::word_starts::LONGEST_WORD;

/// Letters and digits of a word that is too short for any number or credential.
const LONGEST_MIXED: usize = 5;
/// Digits that are nothing by themselves, and inside of a longer number.
const LONGEST_ALONE: usize = 5;
const LONGEST_INSIDE: usize = 7;
/// Distance behind a word of context within which words before signs may be values.
const REACH: usize = 64;
/// Distance behind one within which a word in capitals may begin a number.
const REACH_OF_CAPITALS: usize = 97;
/// Distance behind one that tells of a number within which the number may stand.
const REACH_OF_NUMBERS: usize = 97;
/// Distance behind one within which a sign may assign a value.
const REACH_OF_SIGNS: usize = 13;

/// One word of a block.
struct Word {
    place: usize,
    end: usize,
    /// Masks of its digits, of its capitals behind the first letter, and of its small letters.
    digits: u64,
    capitals: u64,
    small: u64,
    /// The bytes behind it.
    next: u8,
    after: Option<u8>,
    quiet: bool,
}

/// The need of a stop.
pub(super) enum Need {
    /// No detector can find anything.
    Nothing,
    /// A word of context may begin with the word, which has this length, and nothing else.
    Entry { length: usize },
    /// Every detector is to look.
    All,
}

impl Need {
    fn unless(calm: bool) -> Self {
        if calm { Self::Nothing } else { Self::All }
    }
}

/// Returns the need of the word at a place of a block.
pub(super) fn need_of_word(pass: &Pass<'_, '_>, state: &ScanState, stops: &Stops<'_>, place: usize) -> Need {
    let Some(word) = Word::at(stops, place) else { return Need::All };
    let length = word.end - place;
    if word.digits.count_ones() as usize == length {
        return Need::unless(word.is_calm_number(state, stops));
    }
    if word.digits != 0 {
        let begins_account = word.digits >> place & 0b1111 == 0b1100;
        let calm = (word.quiet || word.next == b':' && word.is_no_scheme(length))
            && length <= LONGEST_MIXED
            && word.humps() == 0
            && !begins_account
            && !may_start(pass, stops, place);
        return Need::unless(calm);
    }
    let may_be_verb = length <= 3 && word.next == b' ' && place + stops.begin < state.topics.verb_until();
    if length > LONGEST_WORD || may_be_verb || !word.is_calm_name(pass, state, stops) {
        return Need::All;
    }
    match word.begins_entry(pass, stops) {
        false => Need::Nothing,
        true if word.humps() != 0 || word.may_be_scheme(stops) => Need::All,
        true => Need::Entry { length },
    }
}

fn may_start(pass: &Pass<'_, '_>, stops: &Stops<'_>, place: usize) -> bool {
    pass.guard.lexicon().starts().may_start(pass.text.rest(stops.begin + place))
}

impl Word {
    /// Returns nothing if its end is not known, or an escape may stand before it.
    fn at(stops: &Stops<'_>, place: usize) -> Option<Self> {
        let classes = &stops.classes;
        let end = stops.end_of_word(place);
        if end >= stops.arrived || matches!(stops.byte_before(place, 1), b'\\' | b'%') {
            return None;
        }
        let all = lowest(end) & !lowest(place);
        let next = *stops.window.get(end)?;
        let after = stops.window.get(end + 1).copied().filter(|_| end + 1 < stops.arrived);
        let joins = matches!(next, b'.' | b'-' | b'_' | b'$') && !matches!(after, Some(b' ' | b'\n'));
        (end < BLOCK).then_some(Self {
            place,
            end,
            digits: classes.digits & all,
            capitals: classes.upper & all & !(1 << place),
            small: all & !classes.digits & !classes.upper,
            next,
            after,
            quiet: (classes.loud | classes.wide) >> (end % BLOCK) & 1 == 0 && !joins,
        })
    }

    /// Capitals behind small letters.
    fn humps(&self) -> u64 {
        self.capitals & self.small << 1
    }

    fn is_wide(&self) -> bool {
        self.next >= 0x80
    }

    /// With letters and digits before a colon: neither the scheme of a URL nor the first part of an address.
    fn is_no_scheme(&self, length: usize) -> bool {
        length == LONGEST_MIXED && self.after.is_some_and(|after| after != b'/')
    }

    /// Few digits that begin nothing, or some inside of a longer number, whose beginning was looked at.
    fn is_calm_number(&self, state: &ScanState, stops: &Stops<'_>) -> bool {
        let length = self.end - self.place;
        if let [b'0'..=b'9', sign @ (b'-' | b'.' | b'_' | b':' | b',' | b'/')] =
            [2, 1].map(|back| stops.byte_before(self.place, back))
        {
            return length <= LONGEST_INSIDE && self.is_calm_inside(sign);
        }
        let Some(after) = self.after else { return false };
        length <= LONGEST_ALONE
            && match self.next {
                b' ' | b'-' | b'.' | b'/' if after.is_ascii_digit() => self.is_calm_group(state, stops, length),
                b' ' => true,
                b'-' | b'.' | b'/' => !after.is_ascii_alphanumeric() && after != self.next,
                0x80.. => !matches!(self.next, 0xC2 | 0xE2),
                _ => self.quiet,
            }
    }

    /// Behind digits and this sign no address begins but for some before other signs.
    fn is_calm_inside(&self, before: u8) -> bool {
        match self.next {
            b'/' => false,
            b':' => !matches!(before, b',' | b'/') && self.after.is_some_and(|after| after != b'/'),
            b'.' => matches!(before, b'-' | b'.' | b'_'),
            b'-' => !matches!(before, b',' | b'/'),
            _ => true,
        }
    }

    /// Digits, a sign and digits, with which no form begins that needs no word, and no word near that tells of a number.
    fn is_calm_group(&self, state: &ScanState, stops: &Stops<'_>, length: usize) -> bool {
        let second = (!stops.classes.digits >> self.end >> 1).trailing_zeros() as usize;
        let end = self.end + 1 + second;
        if end >= BLOCK.min(stops.arrived) || state.topics.tell_of_number(stops.begin + self.place, REACH_OF_NUMBERS) {
            return false;
        }
        let behind = stops.window.get(end).copied().unwrap_or(0);
        let begins_form = match (length, self.next, second) {
            (2, b' ', 2) => matches!(stops.first_eight(self.place), [b'0', b'6' | b'7', ..]),
            (1, b' ' | b'-', 2..=4) | (1, b'.', 3) | (2, b'.', 2 | 3) | (2, b' ', 6) | (2, b'-', _) => true,
            (3, b'-' | b'.', 2..=4) | (5, b' ', 3 | 6) => true,
            (1..=3 | 5, ..) => false,
            (4, sign, 1 | 2) => sign == b'.',
            _ => true,
        };
        let addressed = self.next == b'.' && (behind == b'.' || behind.is_ascii_alphanumeric());
        !begins_form && !addressed
    }

    /// Returns whether a word of context may begin with it, or at one of its humps.
    fn begins_entry(&self, pass: &Pass<'_, '_>, stops: &Stops<'_>) -> bool {
        let mut humps = self.humps();
        if humps == 0 && !self.is_wide() {
            let first = stops.first_eight(self.place);
            let words = pass.guard.lexicon().starts().words();
            return words.begin(first, self.end - self.place, self.next, self.after);
        }
        humps |= 1 << self.place;
        while humps != 0 {
            if may_start(pass, stops, humps.trailing_zeros() as usize) {
                return true;
            }
            humps &= humps - 1;
        }
        false
    }

    /// `basic` and `bearer`, in any case.
    fn may_be_scheme(&self, stops: &Stops<'_>) -> bool {
        self.next == b' '
            && matches!(self.end - self.place, 5 | 6)
            && matches!(stops.first_eight(self.place), [b'b' | b'B', ..])
    }

    /// Letters alone: too short for a credential, unless a sign follows that one can go on with.
    fn is_calm_name(&self, pass: &Pass<'_, '_>, state: &ScanState, stops: &Stops<'_>) -> bool {
        let at = stops.begin + self.place;
        let mixed = self.small != 0 && self.capitals != 0;
        if self.quiet {
            return self.small != 0 || self.next != b' ' || self.begins_no_group(state, at);
        }
        if self.is_wide() {
            return true;
        }
        if mixed {
            return false;
        }
        match self.next {
            b'.' | b'-' | b'_' | b'$' => self.goes_on_plain(pass, at),
            b':' => false,
            b'/' | b'+' => self.small != 0 && !state.topics.any_near(at, REACH),
            _ => self.small != 0,
        }
    }

    /// Capitals and a space: two may be the first of an insurance number, three or six those of a fiscal code.
    fn begins_no_group(&self, state: &ScanState, at: usize) -> bool {
        match self.end - self.place {
            2 => self.after.is_some_and(|after| !after.is_ascii_digit()),
            3 | 6 => !state.topics.any_near(at, REACH_OF_CAPITALS),
            _ => true,
        }
    }

    fn goes_on_plain(&self, pass: &Pass<'_, '_>, at: usize) -> bool {
        let token = Token { start: at, end: at + self.end - self.place, any: 0, rest: 0 };
        ends_plain(pass.guard, token, pass.text.rest(at), self.next)
    }
}

/// Returns the need of the run of characters beyond ASCII at a place of a block. If its letters take two bytes, a word can begin at the
/// first of them alone.
pub(super) fn need_of_run(pass: &Pass<'_, '_>, stops: &Stops<'_>, place: usize) -> Need {
    let end = place + (!stops.classes.wide >> place).trailing_zeros() as usize;
    if end >= BLOCK.min(stops.arrived) || stops.deep & lowest(end) & !lowest(place) != 0 {
        return Need::All;
    }
    let joined = class_of(stops.byte_before(place, 1)) & (WORD | WIDE) != 0;
    let begins = || pass.guard.lexicon().starts().may_start_wide(pass.text.rest(stops.begin + place));
    Need::unless(joined || !begins())
}

/// Returns the need of the mark at a place of a block.
pub(super) fn need_of_mark(state: &ScanState, stops: &Stops<'_>, place: usize) -> Need {
    Need::unless(is_calm_mark(state, stops, place))
}

fn is_calm_mark(state: &ScanState, stops: &Stops<'_>, place: usize) -> bool {
    let Some(&[byte, next]) = stops.window.get(place..).and_then(|rest| rest.first_chunk()) else { return false };
    if place + 1 >= stops.arrived {
        return false;
    }
    let before = stops.byte_before(place, 1);
    let told = || state.topics.any_near(stops.begin + place, REACH_OF_SIGNS);
    is_told_away(byte, next, before)
        || match byte {
            b':' => next != b':' && !told(),
            b'=' => before != b'g' && !told(),
            _ => false,
        }
}

/// Returns whether the bytes around a mark tell that nothing begins with it.
fn is_told_away(mark: u8, next: u8, before: u8) -> bool {
    match mark {
        b':' | b'=' => false,
        b'-' | b'#' | b'<' | b'[' if before == mark => true,
        b'~' => before != b'Q',
        b'@' => class_of(before) & ADDRESS == 0 || class_of(next) & WORD == 0,
        _ => !is_live(mark, next),
    }
}
