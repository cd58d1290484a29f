//! Measures the run of plain bytes in a JSON string.
//!
//! `memchr` finds the quote and the backslash but not control characters, and would need a second pass to know whether
//! the bytes must be checked as UTF-8. This does all at once: sixteen bytes a step on targets with `simd128`, eight
//! elsewhere.

/// A run of bytes that stand for themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Number of bytes, up to a quote, a backslash, a control character or the end.
    pub(crate) len: usize,
    /// Whether all of them are ASCII.
    pub(crate) ascii: bool,
}

/// Bits of one block, lowest first.
#[derive(Clone, Copy)]
struct Marks {
    /// Bytes that end a run.
    stops: u64,
    /// Bytes from 0x80 up.
    high: u64,
}

/// Returns the run of plain bytes at the start of `bytes`.
#[inline]
pub(crate) fn plain_run(bytes: &[u8]) -> Run {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let mut high = 0;
    for (index, block) in blocks.iter().enumerate() {
        let marks = marks(block);
        if marks.stops != 0 {
            let bit = marks.stops.trailing_zeros();
            high |= marks.high & (1_u64 << bit).wrapping_sub(1);
            return Run { len: index * BLOCK + (bit / BITS_PER_BYTE) as usize, ascii: high == 0 };
        }
        high |= marks.high;
    }
    let tail = tail_run(rest);
    Run { len: blocks.len() * BLOCK + tail.len, ascii: high == 0 && tail.ascii }
}

fn tail_run(rest: &[u8]) -> Run {
    let len = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\').unwrap_or(rest.len());
    let ascii = rest.iter().take(len).all(u8::is_ascii);
    Run { len, ascii }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use simd::{BITS_PER_BYTE, BLOCK, marks};
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use swar::{BITS_PER_BYTE, BLOCK, marks};

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd {
    use super::Marks;
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u64x2, v128_or};

    pub(super) const BLOCK: usize = 16;
    pub(super) const BITS_PER_BYTE: u32 = 1;

    #[inline(always)]
    pub(super) fn marks(block: &[u8; BLOCK]) -> Marks {
        // Two halves of one number become one vector load.
        let bytes = u128::from_le_bytes(*block);
        let block = u64x2(bytes as u64, (bytes >> 64) as u64);
        let quote = u8x16_eq(block, u8x16_splat(b'"'));
        let backslash = u8x16_eq(block, u8x16_splat(b'\\'));
        let control = u8x16_lt(block, u8x16_splat(0x20));
        Marks {
            stops: u64::from(u8x16_bitmask(v128_or(v128_or(quote, backslash), control))),
            high: u64::from(u8x16_bitmask(block)),
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod swar {
    use super::Marks;

    pub(super) const BLOCK: usize = 8;
    pub(super) const BITS_PER_BYTE: u32 = 8;

    const ONES: u64 = u64::MAX / 0xFF;
    const HIGH: u64 = ONES * 0x80;

    /// The subtractions can borrow into bytes above the first mark, never below it, so the lowest mark is exact.
    #[inline(always)]
    pub(super) fn marks(block: &[u8; BLOCK]) -> Marks {
        let block = u64::from_le_bytes(*block);
        let quote = below(block ^ (ONES * b'"' as u64), 1);
        let backslash = below(block ^ (ONES * b'\\' as u64), 1);
        Marks { stops: quote | backslash | below(block, 0x20), high: block & HIGH }
    }

    #[inline(always)]
    fn below(block: u64, limit: u64) -> u64 {
        block.wrapping_sub(ONES * limit) & !block & HIGH
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn literal(bytes: &[u8]) -> Run {
        tail_run(bytes)
    }

    #[test]
    fn a_run_ends_at_each_stop_in_each_place() {
        for stop in [b'"', b'\\', 0, 0x1F, b'\n'] {
            for place in 0..80 {
                let mut bytes = vec![b'a'; 80];
                bytes[place] = stop;
                assert_eq!(plain_run(&bytes).len, place);
            }
        }
    }

    proptest! {
        #[test]
        fn runs_agree_with_a_plain_search(bytes: Vec<u8>) {
            prop_assert_eq!(plain_run(&bytes), literal(&bytes));
        }

        #[test]
        fn a_long_plain_run_is_found_whole(bytes in proptest::collection::vec(0x20_u8..0xFF, 0..200)) {
            prop_assert_eq!(plain_run(&bytes), literal(&bytes));
        }
    }
}
