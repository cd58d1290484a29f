//! The stops of a document, 64 bytes at a time: the bytes at which a run of plain bytes in a string ends.
//!
//! Bodies have an escape every few words, and names are short. To look for each stop by itself would read the same bytes
//! again and again; this reads them once, and a run ends at the next bit.

mod block;
mod marks;

use block::BLOCK;
use marks::backslashes;

/// The stops of one block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stops {
    /// Offset of the block.
    base: usize,
    /// Quotes, backslashes and control characters, the first byte in the lowest bit.
    bits: u64,
    /// Whether a byte from 0x80 up is among them.
    high: bool,
}

/// A run of bytes that stand for themselves, and of escapes of one letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Offset of the quote, the control character or the backslash of another escape behind it, or the end of the document.
    pub(crate) end: usize,
    /// Whether there is an escape in it.
    pub(crate) escaped: bool,
    /// Whether all of them are ASCII. `false` may also be due to a neighbour.
    pub(crate) ascii: bool,
}

impl Stops {
    /// Returns the stops before any block was read.
    pub(crate) const fn new() -> Self {
        Self { base: usize::MAX, bits: 0, high: false }
    }

    /// Returns the run that begins at `at`.
    #[inline]
    pub(crate) fn run(&mut self, bytes: &[u8], at: usize) -> Run {
        // The end of a name or a word is mostly in the block that was read last.
        let bits = self.bits >> (at % BLOCK);
        if at - at % BLOCK == self.base && bits != 0 {
            let end = at + bits.trailing_zeros() as usize;
            if bytes.get(end) == Some(&b'"') {
                return Run { end, escaped: false, ascii: !self.high };
            }
        }
        marks::run(self, bytes, at)
    }

    /// The same with these vectors. It is inlined into code for one machine, so that its loop has that machine's instructions.
    #[inline(always)]
    fn run_by(&mut self, bytes: &[u8], mut at: usize, marks: impl Fn(&[u8; BLOCK]) -> (u64, bool)) -> Run {
        let (mut escaped, mut ascii) = (false, true);
        while at < bytes.len() {
            let base = at - at % BLOCK;
            if base != self.base {
                *self = Self::of(bytes, base, &marks);
            }
            ascii &= !self.high;
            let mut bits = self.bits & u64::MAX << (at % BLOCK);
            at = base + BLOCK;
            while bits != 0 {
                let stop = base + bits.trailing_zeros() as usize;
                if bytes.get(stop) != Some(&b'\\') || !is_letter(bytes, stop + 1) {
                    return Run { end: stop.min(bytes.len()), escaped, ascii };
                }
                escaped = true;
                if !are_few(bits) {
                    at = self.behind_escapes(bytes, stop);
                    break;
                }
                // The letter may be a stop itself, and may be in the next block.
                at = at.max(stop + 2);
                bits &= bits - 1;
                bits &= !(2 << (stop % BLOCK));
            }
        }
        Run { end: bytes.len(), escaped, ascii }
    }

    /// Returns the place behind the escapes that begin with the one of one letter at `at`, all of it in this block: the next stop, another
    /// escape, or the end of the block.
    ///
    /// Where escapes are dense, each would wait for the one before it. Here one look at the block tells which bytes are escaped, and
    /// their letters do not depend on each other.
    #[inline]
    fn behind_escapes(&self, bytes: &[u8], at: usize) -> usize {
        let from = u64::MAX << (at % BLOCK);
        let Some(block) = bytes.get(self.base..).and_then(|rest| rest.first_chunk::<BLOCK>()) else { return at + 2 };
        let backslashes = backslashes(block) & from;
        let escaped = escaped(backslashes);
        let ends = self.bits & from & !backslashes & !escaped;
        let mut letters = escaped & ends.wrapping_sub(1) & !ends;
        while letters != 0 {
            let letter = self.base + letters.trailing_zeros() as usize;
            if !is_letter(bytes, letter) {
                return letter - 1;
            }
            letters &= letters - 1;
        }
        // The letter of a backslash at the end is in the next block.
        let open = usize::from((backslashes & !escaped) >> (BLOCK - 1) != 0);
        self.base + if ends == 0 { BLOCK - open } else { ends.trailing_zeros() as usize }
    }

    #[inline(always)]
    fn of(bytes: &[u8], base: usize, marks: impl Fn(&[u8; BLOCK]) -> (u64, bool)) -> Self {
        let rest = bytes.get(base..).unwrap_or_default();
        let last;
        let block = match rest.first_chunk::<BLOCK>() {
            Some(block) => block,
            None => {
                last = padded(rest);
                &last
            }
        };
        let (bits, high) = marks(block);
        Self { base, bits, high }
    }
}

/// Returns whether at most three bits are set. Baseline x86-64 has no instruction that counts them.
#[inline(always)]
const fn are_few(bits: u64) -> bool {
    let bits = bits & bits.wrapping_sub(1);
    let bits = bits & bits.wrapping_sub(1);
    bits & bits.wrapping_sub(1) == 0
}

/// Returns whether the byte at `at` is the letter of an escape.
#[inline(always)]
fn is_letter(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|letter| is_escape_letter(*letter))
}

/// Returns whether a backslash and this letter are an escape.
#[inline]
const fn is_escape_letter(letter: u8) -> bool {
    matches!(letter, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')
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
                b'\\' if is_letter(bytes, at + 1) => (at, escaped) = (at + 2, true),
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

    /// Escapes are skipped up to the first stop or other escape, and at most to the end of the block.
    fn skips(bytes: &[u8], at: usize) {
        if bytes[at] != b'\\' || !is_letter(bytes, at + 1) || at % BLOCK == BLOCK - 1 {
            return;
        }
        let found = Stops::of(bytes, at - at % BLOCK, marks::marks).behind_escapes(bytes, at);
        let mut literally = at;
        while literally < found {
            assert!(bytes[literally] != b'"' && bytes[literally] >= 0x20, "{bytes:?} from {at} to {found}");
            literally += 1;
            if bytes[literally - 1] == b'\\' {
                assert!(is_escape_letter(bytes[literally]), "{bytes:?} from {at} to {found}");
                literally += 1;
            }
        }
        assert_eq!(literally, found, "{bytes:?} from {at}");
        assert!(found > at && found - at <= BLOCK);
    }

    #[test]
    fn few_are_at_most_three() {
        for bits in [0, 1, 5, 1 << 63, 7 << 61, 15, u64::MAX, 0x8000_0001_0001_0001] {
            assert_eq!(are_few(bits), bits.count_ones() <= 3, "{bits:x}");
        }
    }

    proptest! {
        #[test]
        fn escaped_bytes_are_found(backslashes: u64, more: u64) {
            for bits in [backslashes, backslashes | more, backslashes & more, !(backslashes & more)] {
                prop_assert_eq!(escaped(bits), literally_escaped(bits));
            }
        }

        #[test]
        fn escapes_are_skipped(pieces in proptest::collection::vec(prop_oneof![
            6 => Just("\\n"), 4 => Just("\\\\"), 4 => Just("\\\""), 3 => Just("ab"), 2 => Just("c"), 1 => Just("\\u0041"), 1 => Just("\""),
            1 => Just("\\"), 1 => Just("\n"), 1 => Just("\\q")], 0..120), at in 0_usize..64) {
            let bytes = pieces.concat().into_bytes();
            (at..bytes.len().min(at + 70)).for_each(|at| skips(&bytes, at));
            agrees(&bytes);
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
