//! The stops of a document, 64 bytes at a time: the bytes at which a run of plain bytes in a string ends.
//!
//! Bodies have an escape every few words, and names are short. To look for each stop by itself would read the same bytes
//! again and again; this reads them once, and a run ends at the next bit.

mod block;
mod marks;

use block::BLOCK;
use marks::marks;

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

/// A run of bytes that stand for themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlainRun {
    /// Offset of the quote, the backslash or the control character behind it, or the end of the document.
    pub(crate) end: usize,
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
    pub(crate) fn run(&mut self, bytes: &[u8], mut at: usize) -> PlainRun {
        let mut ascii = true;
        while at < bytes.len() {
            let base = at - at % BLOCK;
            if base != self.base {
                *self = Self::of(bytes, base);
            }
            ascii &= !self.high;
            let bits = self.bits >> (at % BLOCK);
            if bits != 0 {
                return PlainRun { end: (at + bits.trailing_zeros() as usize).min(bytes.len()), ascii };
            }
            at = base + BLOCK;
        }
        PlainRun { end: bytes.len(), ascii }
    }

    #[inline]
    fn of(bytes: &[u8], base: usize) -> Self {
        let rest = bytes.get(base..).unwrap_or_default();
        let (bits, high) = match rest.first_chunk::<BLOCK>() {
            Some(block) => marks(block),
            None => marks(&padded(rest)),
        };
        Self { base, bits, high }
    }
}

/// Returns the last block, filled up with plain bytes.
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    block.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first stop from `at` on, found byte by byte.
    fn literal(bytes: &[u8], at: usize) -> usize {
        let stops = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
        bytes[at..].iter().position(stops).map_or(bytes.len(), |found| at + found)
    }

    fn agrees(bytes: &[u8]) {
        let mut kept = Stops::new();
        for at in 0..=bytes.len() {
            let end = literal(bytes, at);
            for run in [Stops::new().run(bytes, at), kept.run(bytes, at)] {
                assert_eq!(run.end, end, "{bytes:?} from {at}");
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
        assert_eq!(Stops::new().run(&[b'a'; 200], 3), PlainRun { end: 200, ascii: true });
        assert!(!Stops::new().run("é".repeat(100).as_bytes(), 0).ascii);
    }

    proptest! {
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
