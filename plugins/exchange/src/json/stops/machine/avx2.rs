//! With AVX2, where the machine has it, 32 bytes at a time.

use super::halves::{DIGITS, LETTERS, UPPER};
use crate::json::stops::block::BLOCK;
use crate::json::stops::marks::{CodePoints, Marks};
use crate::json::stops::run::{Run, Stops};
use core::arch::x86_64::{
    __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
    _mm256_set_epi64x, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16,
};

#[inline]
#[target_feature(enable = "avx2")]
fn load(part: &[u8; 32]) -> __m256i {
    let (words, _) = part.as_chunks::<8>();
    let [first, second, third, fourth] = <[[u8; 8]; 4]>::try_from(words).unwrap_or_default().map(i64::from_le_bytes);
    _mm256_set_epi64x(fourth, third, second, first)
}

/// Returns the table in both halves of a vector: a shuffle stays within a half.
#[inline]
#[target_feature(enable = "avx2")]
fn twice(table: [u8; 16]) -> __m256i {
    let (low, high) = halves(table);
    _mm256_set_epi64x(high, low, high, low)
}

#[inline(always)]
const fn halves(table: [u8; 16]) -> (i64, i64) {
    let bytes = i128::from_le_bytes(table);
    (bytes as i64, (bytes >> 64) as i64)
}

/// Returns the run that begins at `at`.
#[target_feature(enable = "avx2,bmi1")]
pub(crate) fn run(stops: &mut Stops, bytes: &[u8], at: usize) -> Run {
    stops.run_by(bytes, at, |block| marks(block), |block| letters(block), |block| code_points(block))
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn marks(block: &[u8; BLOCK]) -> Marks {
    let (parts, _) = block.as_chunks::<32>();
    let (mut backslashes, mut ends, mut all) = (0, 0, _mm256_setzero_si256());
    for (index, part) in parts.iter().enumerate() {
        let part = load(part);
        let quote = _mm256_cmpeq_epi8(part, _mm256_set1_epi8(b'"' as i8));
        let backslash = _mm256_cmpeq_epi8(part, _mm256_set1_epi8(b'\\' as i8));
        let control = _mm256_cmpeq_epi8(_mm256_min_epu8(part, _mm256_set1_epi8(0x1F)), part);
        backslashes |= u64::from(_mm256_movemask_epi8(backslash) as u32) << (index * 32);
        ends |= u64::from(_mm256_movemask_epi8(_mm256_or_si256(quote, control)) as u32) << (index * 32);
        all = _mm256_or_si256(all, part);
    }
    Marks { backslashes, ends, high: _mm256_movemask_epi8(all) != 0 }
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn letters(block: &[u8; BLOCK]) -> u64 {
    by_halves(block, LETTERS)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn code_points(block: &[u8; BLOCK]) -> CodePoints {
    let (parts, _) = block.as_chunks::<32>();
    let mut us = 0;
    for (index, part) in parts.iter().enumerate() {
        let found = _mm256_cmpeq_epi8(load(part), _mm256_set1_epi8(b'u' as i8));
        us |= u64::from(_mm256_movemask_epi8(found) as u32) << (index * 32);
    }
    CodePoints { us, digits: by_halves(block, DIGITS) }
}

/// Returns the bytes of a kind.
#[inline]
#[target_feature(enable = "avx2")]
fn by_halves(block: &[u8; BLOCK], kind: [u8; 16]) -> u64 {
    let (lower, upper, half) = (twice(kind), twice(UPPER), _mm256_set1_epi8(0x0F));
    let (parts, _) = block.as_chunks::<32>();
    let mut others = 0;
    for (index, part) in parts.iter().enumerate() {
        let part = load(part);
        let low = _mm256_shuffle_epi8(lower, _mm256_and_si256(part, half));
        let high = _mm256_shuffle_epi8(upper, _mm256_and_si256(_mm256_srli_epi16(part, 4), half));
        let other = _mm256_cmpeq_epi8(_mm256_and_si256(low, high), _mm256_setzero_si256());
        others |= u64::from(_mm256_movemask_epi8(other) as u32) << (index * 32);
    }
    !others
}
