//! A number as people write it: groups of digits with one sign between them.

use crate::look::Token;
use crate::text::Text;
use crate::text::class::{DIGIT, WORD};

const MOST_GROUPS: usize = 8;
const MOST_DIGITS: usize = 40;

/// Groups of digits that follow each other.
#[derive(Debug)]
pub(crate) struct Number {
    pub(crate) start: usize,
    digits: [u8; MOST_DIGITS],
    groups: [Group; MOST_GROUPS],
    count: usize,
    /// What stands before it.
    pub(crate) before: Before,
}

/// One of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Group {
    pub(crate) size: u8,
    pub(crate) end: usize,
    /// The sign between it and the next group; 0 if there is none.
    pub(crate) sign: u8,
}

/// What stands before a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing that it could be a part of.
    Nothing,
    /// A word and a sign: `item-4711`, `/4711`, `#4711`.
    Joined,
    /// Digits and this sign: it is the rest of a longer number.
    Digits(u8),
}

impl Number {
    /// Reads the number that begins with the digit at `start`.
    pub(crate) fn read(text: &Text<'_>, start: usize) -> Self {
        let before = before(text, start);
        let mut number = Self { start, digits: [0; MOST_DIGITS], groups: Default::default(), count: 0, before };
        let (mut at, mut total) = (start, 0);
        while number.count < MOST_GROUPS {
            let end = text.run(at, DIGIT, MOST_DIGITS + 1);
            let group = text.slice(at, end);
            let room = number.digits.get_mut(total..total + group.len());
            let (Some(room), false) = (room, text.class(end) & WORD != 0 || text.is(end, b'_')) else {
                number.unsign();
                break;
            };
            room.copy_from_slice(group);
            total += group.len();
            let sign = sign(text, end);
            let size = u8::try_from(group.len()).unwrap_or(u8::MAX);
            if let Some(place) = number.groups.get_mut(number.count) {
                *place = Group { size, end, sign: sign.map_or(0, |(sign, _)| sign) };
            }
            number.count += 1;
            let Some((_, length)) = sign else { break };
            at = end + length;
        }
        number
    }

    /// The last group is not followed by another one after all.
    fn unsign(&mut self) {
        if let Some(last) = self.count.checked_sub(1).and_then(|last| self.groups.get_mut(last)) {
            last.sign = b'?';
        }
    }

    pub(crate) fn groups(&self) -> &[Group] {
        self.groups.get(..self.count).unwrap_or_default()
    }

    /// The digits of the first groups.
    pub(crate) fn digits(&self, groups: usize) -> &[u8] {
        let length = self.groups().iter().take(groups).map(|group| usize::from(group.size)).sum();
        self.digits.get(..length).unwrap_or_default()
    }

    /// Where the first groups end.
    pub(crate) fn end(&self, groups: usize) -> usize {
        groups.checked_sub(1).and_then(|last| self.groups().get(last)).map_or(self.start, |group| group.end)
    }

    pub(crate) fn first(&self) -> usize {
        self.groups().first().map_or(0, |group| usize::from(group.size))
    }

    /// Whether it is one group without a fraction before or after it.
    pub(crate) fn is_bare(&self) -> bool {
        let free = matches!(self.before, Before::Nothing | Before::Joined | Before::Digits(b' '));
        free && self
            .groups()
            .first()
            .is_some_and(|group| matches!(group.sign, 0 | b' ' | b'/') || group.sign == b'-' && self.count == 2)
    }

    /// Whether the first groups have these sizes and signs, and do not go on in the same way.
    pub(crate) fn has_form(&self, sizes: &[u8], signs: &[u8]) -> bool {
        let groups = self.groups();
        let Some(mine) = groups.get(..sizes.len()) else { return false };
        let sized = mine.iter().zip(sizes).all(|(group, size)| group.size == *size);
        let signed = mine.iter().zip(signs).take(sizes.len() - 1).all(|(group, sign)| group.sign == *sign);
        sized && signed && self.ends_after(sizes.len()) && !self.continues(signs.first().copied().unwrap_or(0))
    }

    /// Whether the number can end after so many groups: what follows is joined otherwise, or is another kind of group.
    pub(crate) fn ends_after(&self, groups: usize) -> bool {
        let Some(last) = groups.checked_sub(1).and_then(|last| self.groups().get(last)) else { return false };
        let inner = groups.checked_sub(2).and_then(|inner| self.groups().get(inner)).map_or(0, |group| group.sign);
        match (last.sign, self.groups().get(groups)) {
            (0, _) => true,
            (b' ', Some(next)) => inner != b' ' || next.size != last.size,
            (b' ' | b'/', _) => true,
            // What follows has letters in it; in a table it is of the same sort.
            (b'?', _) => inner != b' ',
            (sign, _) => sign != inner && sign != b'.' && groups > 1 && inner != 0 && sign != b'-',
        }
    }

    /// Whether the number is the rest of a longer one with this sign between its groups.
    fn continues(&self, sign: u8) -> bool {
        match self.before {
            Before::Digits(before) => before == sign || before != b' ',
            _ => false,
        }
    }
}

/// Whether groups of four digits follow each other closely: a table of numbers, not one number.
pub(crate) fn is_table(digits: &[u8]) -> bool {
    let value =
        |group: &[u8]| group.iter().fold(0_i32, |value, digit| value * 10 + i32::from(digit.wrapping_sub(b'0')));
    let groups: Vec<i32> = digits.chunks_exact(4).map(value).collect();
    groups.len() >= 3 && groups.windows(2).all(|pair| matches!(pair, [a, b] if (a - b).abs() < 150))
}

/// Whether a short number is followed by a single digit: rows like `1 2 3` are nothing.
pub(crate) fn is_row(text: &Text<'_>, token: Token) -> bool {
    token.len() <= 2
        && text.is(token.end, b' ')
        && text.class(token.end + 1) & DIGIT != 0
        && text.class(token.end + 2) & DIGIT == 0
}

/// A single sign between two digits, and its length in bytes.
fn sign(text: &Text<'_>, at: usize) -> Option<(u8, usize)> {
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

fn before(text: &Text<'_>, start: usize) -> Before {
    match text.behind(start, 2) {
        [b'0'..=b'9', sign @ (b'-' | b'.' | b',' | b'/' | b':' | b'_')] => Before::Digits(*sign),
        [byte, b' '] if byte.is_ascii_alphanumeric() && ends_long_group(text, start) => Before::Digits(b' '),
        [byte, b'-' | b'.' | b'_'] if byte.is_ascii_alphanumeric() => Before::Joined,
        [.., b'_' | b'#' | b'$'] => Before::Joined,
        [byte, b'/'] if byte.is_ascii_alphanumeric() => Before::Joined,
        _ => Before::Nothing,
    }
}

/// `12 3456`: a count before a number is not a part of it, a group of three or four may be.
fn ends_long_group(text: &Text<'_>, start: usize) -> bool {
    let behind = text.behind(start, 5);
    let group = behind.iter().rev().skip(1).take_while(|byte| byte.is_ascii_hexdigit());
    group.clone().count() >= 3 && group.clone().any(u8::is_ascii_digit)
}
