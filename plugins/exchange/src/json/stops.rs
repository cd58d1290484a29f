//! The stops of a document, 64 bytes at a time: the bytes at which a run of plain bytes in a string ends.
//!
//! Bodies have an escape every few words, and names are short. To look for each stop by itself would read the same bytes
//! again and again; this reads them once, and a run ends at the next bit.

mod block;
mod marks;

use block::BLOCK;
use core::ops::Range;
use marks::{CodePoints, Marks};

/// The letters of escapes that stand for one byte.
const ESCAPE_LETTERS: [u8; 8] = *b"\"\\/bfnrt";

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

    /// Returns the run that begins at `at`.
    #[inline]
    pub(crate) fn run(&mut self, bytes: &[u8], at: usize) -> Run {
        // The end of a name or a word is mostly in the block that was read last.
        let Marks { backslashes, ends, high } = self.marks;
        let ends = ends >> (at % BLOCK);
        if at - at % BLOCK == self.base && ends != 0 && backslashes >> (at % BLOCK) & below(ends) == 0 {
            return Run { end: at + ends.trailing_zeros() as usize, escaped: false, ascii: !high };
        }
        marks::run(self, bytes, at)
    }

    /// The same with these vectors. It is inlined into code for one machine, so that its loop has that machine's instructions.
    ///
    /// Escapes are no reason for a loop: one look at the block tells which bytes are escaped, and which of these make no escape.
    #[inline(always)]
    fn run_by(
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
fn behind_letter(bytes: &[u8], at: usize) -> Option<usize> {
    if is_code_point(bytes, at) {
        return Some(at + CODE_POINT);
    }
    bytes.get(at).filter(|letter| ESCAPE_LETTERS.contains(letter)).map(|_| at + 1)
}

/// Returns whether a `u` and four digits are at `at`.
fn is_code_point(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).and_then(|rest| rest.first_chunk::<CODE_POINT>());
    rest.is_some_and(|[u, digits @ ..]| *u == b'u' && digits.iter().all(u8::is_ascii_hexdigit))
}

impl CodePoints {
    /// Returns each `u` that four digits of this block follow.
    #[inline(always)]
    const fn escapes(self) -> u64 {
        let twice = self.digits >> 1 & self.digits >> 2;
        self.us & twice & twice >> 2
    }
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

    /// The end of the run from `at` on, found byte by byte, and whether there is an escape in it.
    fn literal(bytes: &[u8], mut at: usize) -> (usize, bool) {
        let mut escaped = false;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if let Some(behind) = behind_letter(bytes, at + 1) => (at, escaped) = (behind, true),
                0..0x20 | b'"' | b'\\' => return (at, escaped),
                _ => at += 1,
            }
        }
        (bytes.len(), escaped)
    }

    fn agrees(bytes: &[u8]) {
        let mut kept = Stops::new();
        for at in 0..=bytes.len() {
            let (end, escaped) = literal(bytes, at);
            for run in [Stops::new().run(bytes, at), kept.run(bytes, at)] {
                assert_eq!((run.end, run.escaped), (end, escaped), "{bytes:?} from {at}");
                assert!(!run.ascii || bytes[at..end].is_ascii());
            }
        }
    }

    #[test]
    fn each_byte_in_each_place_is_a_stop_or_is_none() {
        for byte in 0..=u8::MAX {
            for place in [0, 1, 7, 8, 15, 16, 31, 62, 63, 64, 65, 127] {
                let mut bytes = vec![b'a'; 130];
                bytes[place] = byte;
                agrees(&bytes);
            }
        }
    }

    #[test]
    fn plain_ascii_is_known_to_be_plain() {
        assert_eq!(Stops::new().run(&[b'a'; 200], 3), Run { end: 200, escaped: false, ascii: true });
        assert!(!Stops::new().run("é".repeat(100).as_bytes(), 0).ascii);
    }

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

        #[test]
        fn escapes_belong_to_runs(pieces in proptest::collection::vec(prop_oneof![
            6 => Just("\\n"), 4 => Just("\\\\"), 4 => Just("\\\""), 3 => Just("ab"), 2 => Just("c"), 3 => Just("\\u00eF"), 1 => Just("\\u0a"), 1 => Just("u12aB"), 1 => Just("\""),
            1 => Just("\\"), 1 => Just("\n"), 1 => Just("\\q")], 0..120), at in 0_usize..64) {
            let bytes = pieces.concat().into_bytes();
            agrees(bytes.get(at..).unwrap_or_default());
        }

        #[test]
        fn runs_agree_with_a_plain_search(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            agrees(&bytes);
        }

        #[test]
        fn runs_of_text_agree(bytes in proptest::collection::vec(prop_oneof![9 => Just(b'a'), 1 => any::<u8>()], 0..300)) {
            agrees(&bytes);
        }
    }
}
