//! The vectors of x86-64. They have sixteen bytes of the registers of AVX2, whose instructions need no copies.

#![allow(
    non_camel_case_types,
    clippy::too_many_arguments,
    clippy::many_single_char_names,
    reason = "the names are those of `simd128`"
)]

use core::arch::x86_64::{
    __m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
    _mm_set1_epi8, _mm_shuffle_epi8, _mm_srl_epi16, _mm_sub_epi8, _mm_testz_si128,
};

pub(crate) type v128 = __m128i;

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn u64x2(low: u64, high: u64) -> v128 {
    _mm_set_epi64x(high as i64, low as i64)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn u8x16(
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    e: u8,
    f: u8,
    g: u8,
    h: u8,
    i: u8,
    j: u8,
    k: u8,
    l: u8,
    m: u8,
    n: u8,
    o: u8,
    p: u8,
) -> v128 {
    u64x2(u64::from_le_bytes([a, b, c, d, e, f, g, h]), u64::from_le_bytes([i, j, k, l, m, n, o, p]))
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn u8x16_splat(byte: u8) -> v128 {
    _mm_set1_epi8(byte as i8)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn u8x16_eq(one: v128, other: v128) -> v128 {
    _mm_cmpeq_epi8(one, other)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn u8x16_le(one: v128, other: v128) -> v128 {
    _mm_cmpeq_epi8(_mm_min_epu8(one, other), one)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn u8x16_sub(one: v128, other: v128) -> v128 {
    _mm_sub_epi8(one, other)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn u8x16_shr(bytes: v128, places: u32) -> v128 {
    let moved = _mm_srl_epi16(bytes, _mm_set_epi64x(0, i64::from(places)));
    _mm_and_si128(moved, u8x16_splat(0xFF >> places))
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn u8x16_bitmask(bytes: v128) -> u16 {
    _mm_movemask_epi8(bytes) as u16
}

/// Chooses bytes; a choice with the highest bit set is zero. Others from 16 up are not used.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn i8x16_swizzle(bytes: v128, choices: v128) -> v128 {
    _mm_shuffle_epi8(bytes, choices)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn v128_and(one: v128, other: v128) -> v128 {
    _mm_and_si128(one, other)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn v128_or(one: v128, other: v128) -> v128 {
    _mm_or_si128(one, other)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn v128_any_true(bytes: v128) -> bool {
    _mm_testz_si128(bytes, bytes) == 0
}
