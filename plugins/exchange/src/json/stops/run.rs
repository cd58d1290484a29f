//! Runs of a string: from one byte to the end of the string, or to what is wrong in it.

use super::block::BLOCK;
use super::marks::{CodePoints, Marks};
use crate::json::code_unit;
use core::ops::Range;

/// The letters of escapes that stand for one byte.
pub(crate) const ESCAPE_LETTERS: [u8; 8] = *b"\"\\/bfnrt";

/// Number of bytes of an escape of four digits behind its backslash.
const CODE_POINT: usize = 5;

/// Places in a block of each `u` whose digits reach into the next one.
const CUT: Range<usize> = BLOCK - CODE_POINT + 1..BLOCK;

/// The stops of one block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stops {
    /// Offset of the block.
    base: usize,
    marks: Marks,
}

/// A run of bytes that stand for themselves, and of escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Offset of the quote, the control character or the backslash that begins no escape behind it, or the end of the document.
    pub(crate) end: usize,
    /// Whether there is an escape in it.
    pub(crate) escaped: bool,
    /// Whether all of them are ASCII. `false` may also be due to a neighbour.
    pub(crate) ascii: bool,
}

impl Stops {
    /// Returns the stops before any block was read.
    pub(crate) const fn new() -> Self {
        Self { base: usize::MAX, marks: Marks { backslashes: 0, ends: 0, high: false } }
    }

    /// Returns the run that begins at `at`, where it ends in the block that was read last, without an escape: mostly the end of a name or
    /// a word.
    #[inline(always)]
    pub(crate) fn at_hand(&self, at: usize) -> Option<Run> {
        let Marks { backslashes, ends, high } = self.marks;
        let ends = ends >> (at % BLOCK);
        let is_here = at - at % BLOCK == self.base && ends != 0 && backslashes >> (at % BLOCK) & below(ends) == 0;
        is_here.then(|| Run { end: at + ends.trailing_zeros() as usize, escaped: false, ascii: !high })
    }

    /// Returns the run that begins at `at`, by these vectors. It is inlined into code for one machine, so that its loop has that machine's instructions.
    ///
    /// Escapes are no reason for a loop: one look at the block tells which bytes are escaped, and which of these make no escape.
    #[inline(always)]
    pub(crate) fn run_by(
        &mut self,
        bytes: &[u8],
        mut at: usize,
        marks: impl Fn(&[u8; BLOCK]) -> Marks,
        letters: impl Fn(&[u8; BLOCK]) -> u64,
        code_points: impl Fn(&[u8; BLOCK]) -> CodePoints,
    ) -> Run {
        let (mut has_escapes, mut high) = (false, false);
        let mut read = *self;
        while let Some(rest) = bytes.get(at - at % BLOCK..).filter(|_| at < bytes.len()) {
            let last;
            let block = match rest.first_chunk::<BLOCK>() {
                Some(block) => block,
                None => {
                    last = padded(rest);
                    &last
                }
            };
            let base = at - at % BLOCK;
            if base != read.base {
                read = Self { base, marks: marks(block) };
            }
            high |= read.marks.high;
            let from = u64::MAX << (at % BLOCK);
            let backslashes = read.marks.backslashes & from;
            let mut ends = read.marks.ends & from;
            at = base + BLOCK;
            if backslashes != 0 {
                let escaped = escaped(backslashes);
                let mut others = escaped & !letters(block);
                if others != 0 {
                    others &= !code_points(block).escapes();
                    // Those whose digits reach into the next block. They are the last of this one.
                    let letter = others.trailing_zeros() as usize;
                    if CUT.contains(&letter) && is_code_point(bytes, base + letter) {
                        others = 0;
                        at = base + letter + CODE_POINT;
                    }
                }
                ends = ends & !escaped | others >> 1;
                // The letter of a backslash at the end is in the next block.
                let open = backslashes & !escaped & 1 << (BLOCK - 1);
                if open != 0 {
                    match behind_letter(bytes, at) {
                        Some(behind) => at = behind,
                        None => ends |= open,
                    }
                }
                has_escapes |= backslashes & below(ends) != 0;
            }
            if ends != 0 {
                *self = read;
                return Run { end: base + ends.trailing_zeros() as usize, escaped: has_escapes, ascii: !high };
            }
        }
        *self = read;
        Run { end: bytes.len(), escaped: has_escapes, ascii: !high }
    }
}

/// Returns the bits below the lowest one of these, or all.
#[inline(always)]
const fn below(bits: u64) -> u64 {
    !bits & bits.wrapping_sub(1)
}

/// Returns the offset behind the rest of an escape, of which the letter is at `at`.
pub(crate) fn behind_letter(bytes: &[u8], at: usize) -> Option<usize> {
    if is_code_point(bytes, at) {
        return Some(at + CODE_POINT);
    }
    bytes.get(at).filter(|letter| ESCAPE_LETTERS.contains(letter)).map(|_| at + 1)
}

/// Returns whether a `u` and four digits are at `at`.
fn is_code_point(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..).and_then(|rest| rest.strip_prefix(b"u")).and_then(code_unit).is_some()
}

/// Returns the bytes that backslashes escape, where the first one is not escaped itself. In a run of backslashes each second one
/// is, and what follows the run if the last one is not.
#[inline]
const fn escaped(backslashes: u64) -> u64 {
    const ODD: u64 = u64::MAX / 3 * 2;
    // The carry of the subtraction passes through a run, and ends behind it at a place that tells whether its length is even.
    (((backslashes << 1) | ODD).wrapping_sub(backslashes) ^ ODD) ^ backslashes
}

/// Returns the last block, filled up with plain bytes.
#[cold]
#[inline(never)]
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    block.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The escaped bytes, found one by one.
    fn literally_escaped(backslashes: u64) -> u64 {
        let (mut found, mut escapes) = (0, false);
        for place in 0..64 {
            found |= u64::from(escapes) << place;
            escapes = !escapes && backslashes >> place & 1 == 1;
        }
        found
    }

    proptest! {
        #[test]
        fn escaped_bytes_are_found(backslashes: u64, more: u64) {
            for bits in [backslashes, backslashes | more, backslashes & more, !(backslashes & more)] {
                prop_assert_eq!(escaped(bits), literally_escaped(bits));
            }
        }
    }
}
