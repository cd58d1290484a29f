//! With SSE2, which every x86-64 has, 16 bytes at a time.

use crate::json::stops::block::BLOCK;
use crate::json::stops::marks::{CodePoints, Marks};
use crate::json::stops::run::{ESCAPE_LETTERS, Run, Stops};
use core::arch::x86_64::{
    __m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_max_epu8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
    _mm_set_epi64x, _mm_set1_epi8, _mm_setzero_si128,
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
    stops.run_by(bytes, at, |block| marks(block), |block| letters(block), |block| code_points(block))
}

#[inline]
#[target_feature(enable = "sse2")]
pub(crate) fn marks(block: &[u8; BLOCK]) -> Marks {
    let (parts, _) = block.as_chunks::<16>();
    let (mut backslashes, mut ends, mut all) = (0, 0, _mm_setzero_si128());
    for (index, part) in parts.iter().enumerate() {
        let part = load(part);
        let quote = _mm_cmpeq_epi8(part, _mm_set1_epi8(b'"' as i8));
        let backslash = _mm_cmpeq_epi8(part, _mm_set1_epi8(b'\\' as i8));
        let control = _mm_cmpeq_epi8(_mm_min_epu8(part, _mm_set1_epi8(0x1F)), part);
        backslashes |= u64::from(_mm_movemask_epi8(backslash) as u16) << (index * 16);
        ends |= u64::from(_mm_movemask_epi8(_mm_or_si128(quote, control)) as u16) << (index * 16);
        all = _mm_or_si128(all, part);
    }
    Marks { backslashes, ends, high: _mm_movemask_epi8(all) != 0 }
}

/// SSE2 has no shuffle by bytes, so the block is compared with each letter.
#[inline]
#[target_feature(enable = "sse2")]
pub(crate) fn letters(block: &[u8; BLOCK]) -> u64 {
    let (parts, _) = block.as_chunks::<16>();
    let mut bits = 0;
    for (index, part) in parts.iter().enumerate() {
        let (part, mut found) = (load(part), _mm_setzero_si128());
        for letter in ESCAPE_LETTERS {
            found = _mm_or_si128(found, _mm_cmpeq_epi8(part, _mm_set1_epi8(letter as i8)));
        }
        bits |= u64::from(_mm_movemask_epi8(found) as u16) << (index * 16);
    }
    bits
}

#[inline]
#[target_feature(enable = "sse2")]
pub(crate) fn code_points(block: &[u8; BLOCK]) -> CodePoints {
    let (parts, _) = block.as_chunks::<16>();
    let (mut us, mut digits) = (0, 0);
    for (index, part) in parts.iter().enumerate() {
        let part = load(part);
        let small = _mm_or_si128(part, _mm_set1_epi8(0x20));
        let digit = _mm_or_si128(within(part, b'0', b'9'), within(small, b'a', b'f'));
        let u = _mm_cmpeq_epi8(part, _mm_set1_epi8(b'u' as i8));
        us |= u64::from(_mm_movemask_epi8(u) as u16) << (index * 16);
        digits |= u64::from(_mm_movemask_epi8(digit) as u16) << (index * 16);
    }
    CodePoints { us, digits }
}

/// Returns all ones for each byte from `low` to `high`.
#[inline]
#[target_feature(enable = "sse2")]
fn within(part: __m128i, low: u8, high: u8) -> __m128i {
    let above = _mm_cmpeq_epi8(_mm_max_epu8(part, _mm_set1_epi8(low as i8)), part);
    let below = _mm_cmpeq_epi8(_mm_min_epu8(part, _mm_set1_epi8(high as i8)), part);
    _mm_and_si128(above, below)
}
