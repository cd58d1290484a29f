//! The vectors of 64-bit ARM.

#![allow(
    non_camel_case_types,
    clippy::too_many_arguments,
    clippy::many_single_char_names,
    reason = "the names are those of `simd128`"
)]

use core::arch::aarch64::{
    uint8x16_t, vaddv_u8, vand_u8, vandq_u8, vceqq_u8, vcleq_u8, vcombine_u8, vcreate_u8, vdupq_n_s8, vdupq_n_u8,
    vget_high_u8, vget_low_u8, vmaxvq_u8, vorrq_u8, vqtbl1q_u8, vshlq_u8, vshrq_n_u8, vsubq_u8,
};

pub(crate) type v128 = uint8x16_t;

#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn u64x2(low: u64, high: u64) -> v128 {
    vcombine_u8(vcreate_u8(low), vcreate_u8(high))
}

#[inline]
#[target_feature(enable = "neon")]
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
#[target_feature(enable = "neon")]
pub(crate) fn u8x16_splat(byte: u8) -> v128 {
    vdupq_n_u8(byte)
}

#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn u8x16_eq(one: v128, other: v128) -> v128 {
    vceqq_u8(one, other)
}

#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn u8x16_le(one: v128, other: v128) -> v128 {
    vcleq_u8(one, other)
}

#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn u8x16_sub(one: v128, other: v128) -> v128 {
    vsubq_u8(one, other)
}

#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn u8x16_shr(bytes: v128, places: u32) -> v128 {
    vshlq_u8(bytes, vdupq_n_s8(-(places as i8)))
}

/// Only the highest bit of a byte counts.
#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn u8x16_bitmask(bytes: v128) -> u16 {
    let places = vcreate_u8(u64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128]));
    let bytes = vceqq_u8(vshrq_n_u8::<7>(bytes), vdupq_n_u8(1));
    let low = vaddv_u8(vand_u8(vget_low_u8(bytes), places));
    let high = vaddv_u8(vand_u8(vget_high_u8(bytes), places));
    u16::from_le_bytes([low, high])
}

/// Chooses bytes; a choice from 16 up is zero.
#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn i8x16_swizzle(bytes: v128, choices: v128) -> v128 {
    vqtbl1q_u8(bytes, choices)
}

#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn v128_and(one: v128, other: v128) -> v128 {
    vandq_u8(one, other)
}

#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn v128_or(one: v128, other: v128) -> v128 {
    vorrq_u8(one, other)
}

#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn v128_any_true(bytes: v128) -> bool {
    vmaxvq_u8(bytes) != 0
}
