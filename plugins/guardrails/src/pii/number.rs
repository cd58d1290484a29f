//! A number as people write it: groups of digits with one sign between them.

use crate::text::Text;
use crate::text::class::{DIGIT, UPPER, WORD};
use std::cell::Cell;
use std::fmt;

const MOST_GROUPS: usize = 8;
const MOST_DIGITS: usize = 40;
/// Room for the digits of a number and of the groups that were dropped before it.
const DIGIT_ROOM: usize = 160;
/// Digits of the longest first group that [`may_have_form`] judges, and of the longest group behind one.
const LONGEST_SHORT_GROUP: usize = 3;
const LONGEST_SECOND_GROUP: usize = 8;
/// The sign after a group if the group behind it could not be read.
const CUT: u8 = b'?';

/// Groups of digits that follow each other.
///
/// A number begins at every group, so one is made from the last by dropping its first groups: a row of numbers is read
/// once and not eight times. For the same reason nothing is moved when groups are dropped.
#[derive(Debug)]
pub(crate) struct Number {
    pub(crate) start: usize,
    /// The digits of the groups, from `first_digit` on.
    digits: [u8; DIGIT_ROOM],
    first_digit: usize,
    /// The end of each group; a ring that begins at `first_end`.
    ends: [usize; MOST_GROUPS],
    first_end: usize,
    /// Size of each group, one byte each, the first one lowest.
    sizes: u64,
    /// The sign after each group, likewise; 0 if there is none.
    signs: u64,
    count: usize,
    /// Number of digits of the groups together.
    total: usize,
    /// The beginning of the group that was not read: there is no room for it, or it is none.
    next: Option<usize>,
    /// The kind of text before it.
    pub(crate) before: Preceding,
}

/// The number that was read last, for the next one to be made from.
#[derive(Default)]
pub(crate) struct LastNumber(Cell<Option<Box<Number>>>);

impl fmt::Debug for LastNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastNumber").finish_non_exhaustive()
    }
}

/// One of its groups.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DigitGroup {
    pub(crate) size: u8,
    /// The sign between it and the next group; 0 if there is none.
    pub(crate) sign: u8,
}

/// Sizes of groups and the signs between them, packed as they are in [`Number`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    sizes: u64,
    signs: u64,
    count: usize,
}

/// Packs sizes and signs of at most eight groups.
pub(crate) const fn form(sizes: &[u8], signs: &[u8]) -> Form {
    Form { sizes: packed(sizes), signs: packed(signs), count: sizes.len() }
}

const fn packed(bytes: &[u8]) -> u64 {
    let (mut rest, mut packed, mut at) = (bytes, 0, 0);
    while let [byte, others @ ..] = rest {
        packed |= (*byte as u64) << (at * 8);
        rest = others;
        at += 1;
    }
    packed
}

impl Form {
    /// Returns how many groups it has.
    pub(crate) const fn groups(self) -> usize {
        self.count
    }

    /// Returns the size of a group.
    pub(crate) const fn size(self, index: usize) -> usize {
        (self.sizes >> (index * 8) & 0xFF) as usize
    }

    /// Returns the sign between its first groups.
    pub(crate) const fn sign(self) -> u8 {
        (self.signs & 0xFF) as u8
    }

    /// Returns whether this sign stands between two of its groups.
    pub(crate) fn has_sign(self, sign: u8) -> bool {
        self.signs.to_le_bytes().contains(&sign)
    }
}

/// Keeps the lowest bytes.
const fn lowest(bytes: usize) -> u64 {
    if bytes >= 8 { u64::MAX } else { (1 << (bytes * 8)) - 1 }
}

/// The kind of text before a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preceding {
    /// Nothing that it could be a part of.
    Nothing,
    /// A word and a sign: `item-4711`, `/4711`, `#4711`.
    Joined,
    /// Digits and this sign: it is the rest of a longer number.
    Digits(u8),
}

impl Number {
    /// Reads the number that begins with the digit at `start`. Give it back with [`Self::keep`].
    pub(crate) fn read(text: &Text<'_>, last: &LastNumber, start: usize, before: Preceding) -> Box<Self> {
        let mut number = last.0.take().unwrap_or_else(|| Box::new(Self::empty(start)));
        if !number.drop_before(start) {
            number.restart(start);
        }
        number.before = before;
        number.read_on(text);
        number
    }

    /// Keeps it for the next one, unless it is not decided yet.
    pub(crate) fn keep(mut self: Box<Self>, text: &Text<'_>, last: &LastNumber) {
        if text.is_short() {
            self.restart(self.start);
        }
        last.0.set(Some(self));
    }

    fn empty(start: usize) -> Self {
        Self {
            start,
            digits: [0; DIGIT_ROOM],
            first_digit: 0,
            ends: [0; MOST_GROUPS],
            first_end: 0,
            sizes: 0,
            signs: 0,
            count: 0,
            total: 0,
            next: Some(start),
            before: Preceding::Nothing,
        }
    }

    fn restart(&mut self, start: usize) {
        (self.start, self.next) = (start, Some(start));
        (self.sizes, self.signs, self.count, self.total, self.first_digit) = (0, 0, 0, 0, 0);
    }

    /// Reads groups as long as there is room.
    fn read_on(&mut self, text: &Text<'_>) {
        while self.count < MOST_GROUPS
            && let Some(at) = self.next
        {
            let end = text.run(at, DIGIT, MOST_DIGITS + 1);
            let size = end - at;
            if self.total + size > MOST_DIGITS || text.class(end) & WORD != 0 || text.is(end, b'_') {
                return;
            }
            if self.copy(text, at, size).is_none() {
                return;
            }
            self.push(size, end, sign(text, end));
        }
    }

    /// Appends the digits of a group; none if there is no room.
    fn copy(&mut self, text: &Text<'_>, at: usize, size: usize) -> Option<()> {
        let room = self.digits.get_mut(self.first_digit + self.total..)?;
        crate::steps::count(size);
        let rest = text.rest(at);
        // In wasm a copy whose length is not known costs as much as all other work on a small group. What is copied beyond its
        // end is not read.
        match (room.first_chunk_mut::<8>(), rest.first_chunk::<8>()) {
            (Some(room), Some(digits)) if size <= 8 => *room = *digits,
            _ => room.get_mut(..size)?.copy_from_slice(rest.get(..size)?),
        }
        Some(())
    }

    fn push(&mut self, size: usize, end: usize, sign: Option<(u8, usize)>) {
        if let Some(place) = self.ends.get_mut((self.first_end + self.count) % MOST_GROUPS) {
            *place = end;
        }
        self.sizes |= (size as u64) << (self.count * 8);
        self.signs |= u64::from(sign.map_or(0, |(sign, _)| sign)) << (self.count * 8);
        self.next = sign.map(|(_, length)| end + length);
        self.count += 1;
        self.total += size;
    }

    /// Drops the groups before `start`; false if no group begins there.
    fn drop_before(&mut self, start: usize) -> bool {
        let mut dropped = 0;
        let mut digits = 0;
        while dropped < self.count {
            let size = self.size(dropped);
            let begins = self.end(dropped + 1) - size;
            if begins >= start {
                break;
            }
            (dropped, digits) = (dropped + 1, digits + size);
        }
        let begins = if dropped < self.count { Some(self.end(dropped + 1) - self.size(dropped)) } else { self.next };
        if begins != Some(start) || self.count == 0 {
            return false;
        }
        crate::steps::count(dropped);
        self.drop_groups(dropped, digits);
        self.start = start;
        true
    }

    fn drop_groups(&mut self, groups: usize, digits: usize) {
        let shift = |bytes: u64| if groups >= MOST_GROUPS { 0 } else { bytes >> (groups * 8) };
        (self.sizes, self.signs) = (shift(self.sizes), shift(self.signs));
        self.count -= groups;
        self.total -= digits;
        self.first_end += groups;
        self.first_digit += digits;
        if self.first_digit + MOST_DIGITS > DIGIT_ROOM {
            self.digits.copy_within(self.first_digit.., 0);
            self.first_digit = 0;
        }
    }

    fn size(&self, index: usize) -> usize {
        (self.sizes >> (index * 8) & 0xFF) as usize
    }

    /// Returns its groups, in order.
    pub(crate) fn groups(&self) -> impl Iterator<Item = DigitGroup> + Clone {
        (0..self.count).filter_map(|index| self.group(index))
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn group(&self, index: usize) -> Option<DigitGroup> {
        if index >= self.count {
            return None;
        }
        Some(DigitGroup { size: (self.sizes >> (index * 8) & 0xFF) as u8, sign: self.sign(index) })
    }

    /// Returns the sign after a group.
    fn sign(&self, index: usize) -> u8 {
        let sign = (self.signs >> (index * 8) & 0xFF) as u8;
        let cut = sign != 0 && index + 1 == self.count && self.count < MOST_GROUPS && self.next.is_some();
        if cut { CUT } else { sign }
    }

    /// Returns how many digits all groups have together.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Returns the digits of the first groups.
    pub(crate) fn digits(&self, groups: usize) -> &[u8] {
        let sizes = self.sizes & lowest(groups.min(self.count));
        // The highest byte of the product is the sum of all bytes, which is forty at most.
        let length = (sizes.wrapping_mul(0x0101_0101_0101_0101) >> 56) as usize;
        self.digits.get(self.first_digit..self.first_digit + length).unwrap_or_default()
    }

    /// Returns where the first groups end.
    pub(crate) fn end(&self, groups: usize) -> usize {
        let last = groups.checked_sub(1).filter(|last| *last < self.count);
        last.and_then(|last| self.ends.get((self.first_end + last) % MOST_GROUPS)).map_or(self.start, |end| *end)
    }

    /// Returns the sign after the first group; 0 if there is none.
    pub(crate) fn first_sign(&self) -> u8 {
        (self.signs & 0xFF) as u8
    }

    pub(crate) fn first(&self) -> usize {
        (self.sizes & 0xFF) as usize
    }

    /// Returns whether it is one group without a fraction before or after it.
    pub(crate) fn is_bare(&self) -> bool {
        let free = matches!(self.before, Preceding::Nothing | Preceding::Joined | Preceding::Digits(b' '));
        let sign = self.sign(0);
        free && self.count > 0 && (matches!(sign, 0 | b' ' | b'/') || sign == b'-' && self.count == 2)
    }

    /// Returns whether the first groups have the sizes of this form.
    #[inline]
    pub(crate) fn has_sizes(&self, form: Form) -> bool {
        self.count >= form.count && self.sizes & lowest(form.count) == form.sizes
    }

    /// Returns whether the first groups have this form, and do not go on in the same way.
    #[inline]
    pub(crate) fn has_form(&self, form: Form) -> bool {
        self.has_sizes(form)
            && self.signs & lowest(form.count - 1) == form.signs & lowest(form.count - 1)
            && self.ends_after(form.count)
            && !self.continues(form.sign())
    }

    /// Returns whether the number can end after so many groups: the next group is joined otherwise, or of another kind.
    pub(crate) fn ends_after(&self, groups: usize) -> bool {
        let Some(last) = groups.checked_sub(1).and_then(|last| self.group(last)) else { return false };
        let inner = groups.checked_sub(2).map_or(0, |inner| self.sign(inner));
        match (last.sign, self.group(groups)) {
            (0, _) => true,
            (b' ', Some(next)) => inner != b' ' || next.size != last.size,
            (b' ' | b'/', _) => true,
            // The next group has letters in it; in a table it is of the same sort.
            (CUT, _) => inner != b' ',
            (sign, _) => sign != inner && sign != b'.' && groups > 1 && inner != 0 && sign != b'-',
        }
    }

    /// Returns whether the number is the rest of a longer one with this sign between its groups.
    fn continues(&self, sign: u8) -> bool {
        match self.before {
            Preceding::Digits(before) => before == sign || before != b' ',
            _ => false,
        }
    }
}

/// Returns whether groups of four digits follow each other closely: a table of numbers, not one number.
pub(crate) fn is_table(digits: &[u8]) -> bool {
    let value =
        |group: &[u8]| group.iter().fold(0_i32, |value, digit| value * 10 + i32::from(digit.wrapping_sub(b'0')));
    let groups = digits.chunks_exact(4).map(value);
    groups.len() >= 3 && groups.clone().zip(groups.skip(1)).all(|(a, b)| (a - b).abs() < 150)
}

/// Returns whether a short number is followed by a single digit: rows like `1 2 3` are nothing.
pub(crate) fn is_row(text: &Text<'_>, start: usize, end: usize) -> bool {
    end - start <= 2 && text.is(end, b' ') && text.class(end + 1) & DIGIT != 0 && text.class(end + 2) & DIGIT == 0
}

/// Returns whether a number that begins with the digits from `start` to `end`, and this sign after them, can have a form that needs
/// no word beside it, judged by its first two groups. Hostile text has a short number every few bytes, and to read one takes
/// longer.
pub(crate) fn may_have_form(text: &Text<'_>, start: usize, end: usize, (sign, length): (u8, usize)) -> bool {
    let size = end - start;
    if size > LONGEST_SHORT_GROUP {
        return true;
    }
    let next = text.run(end + length, DIGIT, LONGEST_SECOND_GROUP + 1);
    match (size, sign, next - end - length) {
        (2, b' ', 2) => may_be_five_pairs(text, start),
        (1, b' ' | b'-', 2..=4) | (1, b'.', 3) | (2, b'.', 2 | 3) | (2, b'-', 4 | 8) | (2, b' ', 6) => true,
        (2, b'.', _) => text.class(next) & UPPER != 0,
        (3, b'-' | b'.', 2..=4) => true,
        _ => false,
    }
}

/// Returns whether pairs that begin here can be a French phone number: five of them, of which the first is 06 or 07.
fn may_be_five_pairs(text: &Text<'_>, start: usize) -> bool {
    let is_digit = |at: usize| text.class(at) & DIGIT != 0;
    // With other spaces the pairs stand elsewhere.
    let is_spaced = || [2, 5, 8, 11, 14].iter().all(|place| text.is(start + place, b' '));
    let has_sixth = || is_spaced() && is_digit(start + 15) && is_digit(start + 16) && !is_digit(start + 17);
    matches!(text.seen(start, start + 2), b"06" | b"07") && !has_sixth()
}

/// Returns whether a number with letters, `12.ABC.345/01DE-35`, can go on after the group from `start` to `end`.
pub(crate) fn is_lettered(text: &Text<'_>, start: usize, end: usize) -> bool {
    end - start == 2 && text.is(end, b'.') && text.class(end + 1) & UPPER != 0
}

/// Returns whether the digits here are the rest of a longer number.
pub(crate) fn is_inside(text: &Text<'_>, start: usize) -> bool {
    matches!(text.behind(start, 2), [b'0'..=b'9', b'-' | b'.' | b',' | b'/' | b':' | b'_'])
}

/// Returns a single sign between two digits, and its length in bytes.
pub(crate) fn sign(text: &Text<'_>, at: usize) -> Option<(u8, usize)> {
    let (sign, length) = match text.get(at)? {
        byte @ (b' ' | b'-' | b'.' | b'/') => (byte, 1),
        // No-break space; hyphens, en dash, narrow no-break space.
        0xC2 if text.is(at + 1, 0xA0) => (b' ', 2),
        0xE2 if text.is(at + 1, 0x80) => match text.get(at + 2)? {
            0x90..=0x93 => (b'-', 3),
            0xAF => (b' ', 3),
            _ => return None,
        },
        _ => return None,
    };
    text.get(at + length)?.is_ascii_digit().then_some((sign, length))
}

/// Returns the kind of text before the digit at `start`.
pub(crate) fn before(text: &Text<'_>, start: usize) -> Preceding {
    match text.behind(start, 2) {
        [b'0'..=b'9', sign @ (b'-' | b'.' | b',' | b'/' | b':' | b'_')] => Preceding::Digits(*sign),
        [byte, b' '] if byte.is_ascii_alphanumeric() && ends_long_group(text, start) => Preceding::Digits(b' '),
        [byte, b'-' | b'.' | b'_'] if byte.is_ascii_alphanumeric() => Preceding::Joined,
        [.., b'_' | b'#' | b'$'] => Preceding::Joined,
        [byte, b'/'] if byte.is_ascii_alphanumeric() => Preceding::Joined,
        _ => Preceding::Nothing,
    }
}

/// `12 3456`: a count before a number is not a part of it, a group of three or four may be.
fn ends_long_group(text: &Text<'_>, start: usize) -> bool {
    let behind = text.behind(start, 5);
    let group = behind.iter().rev().skip(1).take_while(|byte| byte.is_ascii_hexdigit());
    group.clone().count() >= 3 && group.clone().any(u8::is_ascii_digit)
}
