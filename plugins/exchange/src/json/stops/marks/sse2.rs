//! With SSE2, which every x86-64 has, 16 bytes at a time.

use crate::json::stops::block::BLOCK;
use crate::json::stops::{Run, Stops};
use core::arch::x86_64::{
    __m128i, _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
    _mm_setzero_si128,
};

#[inline]
#[target_feature(enable = "sse2")]
fn load(part: &[u8; 16]) -> __m128i {
    // Two halves of one number become one vector load.
    let bytes = u128::from_le_bytes(*part);
    _mm_set_epi64x((bytes >> 64) as i64, bytes as i64)
}

/// Returns the run that begins at `at`.
#[target_feature(enable = "sse2")]
pub(crate) fn run(stops: &mut Stops, bytes: &[u8], at: usize) -> Run {
    stops.run_by(bytes, at, |block| marks(block))
}

#[inline]
#[target_feature(enable = "sse2")]
pub(crate) fn marks(block: &[u8; BLOCK]) -> (u64, bool) {
    let (parts, _) = block.as_chunks::<16>();
    let (mut bits, mut all) = (0, _mm_setzero_si128());
    for (index, part) in parts.iter().enumerate() {
        let part = load(part);
        let quote = _mm_cmpeq_epi8(part, _mm_set1_epi8(b'"' as i8));
        let backslash = _mm_cmpeq_epi8(part, _mm_set1_epi8(b'\\' as i8));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(part, _mm_set1_epi8(0x1F)), part);
        let stops = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
        bits |= u64::from(stops as u16) << (index * 16);
        all = _mm_or_si128(all, part);
    }
    (bits, _mm_movemask_epi8(all) != 0)
}

#[inline]
#[target_feature(enable = "sse2")]
pub(crate) fn backslashes(block: &[u8; BLOCK]) -> u64 {
    let (parts, _) = block.as_chunks::<16>();
    let mut bits = 0;
    for (index, part) in parts.iter().enumerate() {
        let found = _mm_movemask_epi8(_mm_cmpeq_epi8(load(part), _mm_set1_epi8(b'\\' as i8)));
        bits |= u64::from(found as u16) << (index * 16);
    }
    bits
}
