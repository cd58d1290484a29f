//! The stops of a block as bits, and whether a byte is not ASCII: by the vectors of the machine. All ways give the same bits.

#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(
        unsafe_code,
        reason = "code for vectors may be called only where the machine has them; nothing else here is unsafe"
    )
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128"))))]
mod portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(target_arch = "x86_64")]
mod sse2;

use super::{Run, Stops};

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128")))]
pub(super) use portable::{backslashes, marks};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) use simd128::{backslashes, marks};

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
    stops.run_by(bytes, at, marks)
}

/// Returns the stops of a block, and whether one of its bytes is not ASCII.
#[cfg(all(test, target_arch = "x86_64"))]
pub(super) fn marks(block: &[u8; super::block::BLOCK]) -> (u64, bool) {
    // SAFETY: AVX2 is used where the machine has it; every x86-64 has SSE2.
    if std::is_x86_feature_detected!("avx2") { unsafe { avx2::marks(block) } } else { unsafe { sse2::marks(block) } }
}

/// Returns the stops of a block, and whether one of its bytes is not ASCII.
#[cfg(all(test, target_arch = "aarch64"))]
pub(super) fn marks(block: &[u8; super::block::BLOCK]) -> (u64, bool) {
    // SAFETY: every 64-bit ARM has NEON.
    unsafe { neon::marks(block) }
}

/// Returns the backslashes of a block.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn backslashes(block: &[u8; super::block::BLOCK]) -> u64 {
    // SAFETY: every x86-64 has SSE2.
    unsafe { sse2::backslashes(block) }
}

/// Returns the backslashes of a block.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub(super) fn backslashes(block: &[u8; super::block::BLOCK]) -> u64 {
    // SAFETY: every 64-bit ARM has NEON.
    unsafe { neon::backslashes(block) }
}

#[cfg(test)]
mod tests {
    use crate::json::stops::block::BLOCK;
    use proptest::prelude::*;

    fn agrees(block: &[u8; BLOCK]) {
        let expected = super::portable::marks(block);
        assert_eq!(super::marks(block), expected);
        let literal = block.iter().rev().fold(0, |bits, byte| bits << 1 | u64::from(*byte == b'\\'));
        assert_eq!((super::backslashes(block), super::portable::backslashes(block)), (literal, literal));
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every x86-64 has SSE2.
        assert_eq!(unsafe { super::sse2::marks(block) }, expected);
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
