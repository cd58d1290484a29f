//! With AVX2, where the machine has it, 32 bytes at a time.

use crate::json::stops::block::BLOCK;
use crate::json::stops::{Run, Stops};
use core::arch::x86_64::{
    __m256i, _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set_epi64x,
    _mm256_set1_epi8,
};

#[inline]
#[target_feature(enable = "avx2")]
fn load(part: &[u8; 32]) -> __m256i {
    let (words, _) = part.as_chunks::<8>();
    let [first, second, third, fourth] = <[[u8; 8]; 4]>::try_from(words).unwrap_or_default().map(i64::from_le_bytes);
    _mm256_set_epi64x(fourth, third, second, first)
}

/// Returns the run that begins at `at`.
#[target_feature(enable = "avx2,bmi1")]
pub(crate) fn run(stops: &mut Stops, bytes: &[u8], at: usize) -> Run {
    stops.run_by(bytes, at, |block| marks(block))
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn marks(block: &[u8; BLOCK]) -> (u64, bool) {
    let (parts, _) = block.as_chunks::<32>();
    let (mut bits, mut all) = (0, _mm256_set1_epi8(0));
    for (index, part) in parts.iter().enumerate() {
        let part = load(part);
        let quote = _mm256_cmpeq_epi8(part, _mm256_set1_epi8(b'"' as i8));
        let backslash = _mm256_cmpeq_epi8(part, _mm256_set1_epi8(b'\\' as i8));
        let control = _mm256_cmpeq_epi8(_mm256_min_epu8(part, _mm256_set1_epi8(0x1F)), part);
        let stops = _mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, backslash), control));
        bits |= u64::from(stops as u32) << (index * 32);
        all = _mm256_or_si256(all, part);
    }
    (bits, _mm256_movemask_epi8(all) != 0)
}
