//! With `simd128`, 16 bytes at a time.

use crate::json::stops::block::BLOCK;
use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u64x2, v128, v128_or};

#[inline(always)]
fn load(part: &[u8; 16]) -> v128 {
    // Two halves of one number become one vector load.
    let bytes = u128::from_le_bytes(*part);
    u64x2(bytes as u64, (bytes >> 64) as u64)
}

#[inline(always)]
pub(crate) fn marks(block: &[u8; BLOCK]) -> (u64, bool) {
    let (parts, _) = block.as_chunks::<16>();
    let (mut bits, mut all) = (0, u64x2(0, 0));
    for (index, part) in parts.iter().enumerate() {
        let part = load(part);
        let quote = u8x16_eq(part, u8x16_splat(b'"'));
        let backslash = u8x16_eq(part, u8x16_splat(b'\\'));
        let control = u8x16_lt(part, u8x16_splat(0x20));
        bits |= u64::from(u8x16_bitmask(v128_or(v128_or(quote, backslash), control))) << (index * 16);
        all = v128_or(all, part);
    }
    (bits, u8x16_bitmask(all) != 0)
}

#[inline(always)]
pub(crate) fn backslashes(block: &[u8; BLOCK]) -> u64 {
    let (parts, _) = block.as_chunks::<16>();
    parts.iter().enumerate().fold(0, |bits, (index, part)| {
        bits | u64::from(u8x16_bitmask(u8x16_eq(load(part), u8x16_splat(b'\\')))) << (index * 16)
    })
}
