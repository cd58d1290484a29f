//! Marks and runs by the vectors of the machine. All ways give the same bits.

#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(
        unsafe_code,
        reason = "code for vectors may be called only where the machine has them; nothing else here is unsafe"
    )
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128"))]
mod halves;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128"))))]
mod portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(target_arch = "x86_64")]
mod sse2;

use super::run::{Run, Stops};

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128")))]
use portable::{code_points, letters, marks};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use simd128::{code_points, letters, marks};

/// Returns the run that begins at `at`.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn run(stops: &mut Stops, bytes: &[u8], at: usize) -> Run {
    if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("bmi1") {
        // SAFETY: the machine has AVX2 and BMI1.
        unsafe { avx2::run(stops, bytes, at) }
    } else {
        // SAFETY: every x86-64 has SSE2.
        unsafe { sse2::run(stops, bytes, at) }
    }
}

/// Returns the run that begins at `at`.
#[cfg(target_arch = "aarch64")]
#[inline]
pub(super) fn run(stops: &mut Stops, bytes: &[u8], at: usize) -> Run {
    // SAFETY: every 64-bit ARM has NEON.
    unsafe { neon::run(stops, bytes, at) }
}

/// Returns the run that begins at `at`.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline]
pub(super) fn run(stops: &mut Stops, bytes: &[u8], at: usize) -> Run {
    stops.run_by(bytes, at, marks, letters, code_points)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "aarch64")]
    use super::neon;
    use super::portable;
    #[cfg(target_arch = "x86_64")]
    use super::{avx2, sse2};
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    use super::{code_points, letters, marks};
    use crate::json::stops::block::BLOCK;
    use crate::json::stops::marks::{CodePoints, Marks};
    use crate::json::stops::run::ESCAPE_LETTERS;
    use proptest::prelude::*;

    /// The bytes for which this is true.
    fn bits(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
        block.iter().rev().fold(0, |bits, byte| bits << 1 | u64::from(is(*byte)))
    }

    /// All that the machine's best vectors tell of a block.
    #[cfg(target_arch = "x86_64")]
    fn all(block: &[u8; BLOCK]) -> (Marks, u64, CodePoints) {
        // SAFETY: AVX2 is used where the machine has it; every x86-64 has SSE2.
        if std::is_x86_feature_detected!("avx2") {
            unsafe { (avx2::marks(block), avx2::letters(block), avx2::code_points(block)) }
        } else {
            unsafe { (sse2::marks(block), sse2::letters(block), sse2::code_points(block)) }
        }
    }

    /// All that the machine's vectors tell of a block.
    #[cfg(target_arch = "aarch64")]
    fn all(block: &[u8; BLOCK]) -> (Marks, u64, CodePoints) {
        // SAFETY: every 64-bit ARM has NEON.
        unsafe { (neon::marks(block), neon::letters(block), neon::code_points(block)) }
    }

    /// All that is told of a block here.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn all(block: &[u8; BLOCK]) -> (Marks, u64, CodePoints) {
        (marks(block), letters(block), code_points(block))
    }

    fn agrees(block: &[u8; BLOCK]) {
        let backslashes = bits(block, |byte| byte == b'\\');
        let ends = bits(block, |byte| byte == b'"' || byte < 0x20);
        let expected = Marks { backslashes, ends, high: !block.is_ascii() };
        let letters = bits(block, |letter| ESCAPE_LETTERS.contains(&letter));
        let code_points =
            CodePoints { us: bits(block, |byte| byte == b'u'), digits: bits(block, |byte| byte.is_ascii_hexdigit()) };
        let expected = (expected, letters, code_points);
        assert_eq!(all(block), expected);
        assert_eq!((portable::marks(block), portable::letters(block), portable::code_points(block)), expected);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every x86-64 has SSE2.
        assert_eq!(unsafe { (sse2::marks(block), sse2::letters(block), sse2::code_points(block)) }, expected);
    }

    #[test]
    fn every_byte_at_every_place() {
        for place in 0..BLOCK {
            for byte in 0..=u8::MAX {
                let mut block = [b'a'; BLOCK];
                block[place] = byte;
                agrees(&block);
            }
        }
    }

    proptest! {
        #[test]
        fn random_blocks(bytes in proptest::collection::vec(any::<u8>(), BLOCK)) {
            agrees(bytes.first_chunk().unwrap());
        }

        #[test]
        fn blocks_of_neighbours(bytes in proptest::collection::vec(prop_oneof![Just(b'\\'), Just(b']'), Just(b'['), Just(0xDC)], BLOCK)) {
            agrees(bytes.first_chunk().unwrap());
        }
    }
}
