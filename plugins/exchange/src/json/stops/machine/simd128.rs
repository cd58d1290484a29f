//! With `simd128`, 16 bytes at a time.

use super::halves::{DIGITS, LETTERS, UPPER};
use crate::json::stops::block::BLOCK;
use crate::json::stops::marks::{CodePoints, Marks};
use core::arch::wasm32::{
    i8x16_swizzle, u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_shr, u8x16_splat, u64x2, v128, v128_and, v128_or,
};

#[inline(always)]
fn load(part: &[u8; 16]) -> v128 {
    // Two halves of one number become one vector load.
    let bytes = u128::from_le_bytes(*part);
    u64x2(bytes as u64, (bytes >> 64) as u64)
}

#[inline(always)]
pub(crate) fn marks(block: &[u8; BLOCK]) -> Marks {
    let (parts, _) = block.as_chunks::<16>();
    let (mut backslashes, mut ends, mut all) = (0, 0, u64x2(0, 0));
    for (index, part) in parts.iter().enumerate() {
        let part = load(part);
        let quote = u8x16_eq(part, u8x16_splat(b'"'));
        let backslash = u8x16_eq(part, u8x16_splat(b'\\'));
        let control = u8x16_lt(part, u8x16_splat(0x20));
        backslashes |= u64::from(u8x16_bitmask(backslash)) << (index * 16);
        ends |= u64::from(u8x16_bitmask(v128_or(quote, control))) << (index * 16);
        all = v128_or(all, part);
    }
    Marks { backslashes, ends, high: u8x16_bitmask(all) != 0 }
}

#[inline(always)]
pub(crate) fn letters(block: &[u8; BLOCK]) -> u64 {
    by_halves(block, &LETTERS)
}

#[inline(always)]
pub(crate) fn code_points(block: &[u8; BLOCK]) -> CodePoints {
    let (parts, _) = block.as_chunks::<16>();
    let us = parts.iter().enumerate().fold(0, |bits, (index, part)| {
        bits | u64::from(u8x16_bitmask(u8x16_eq(load(part), u8x16_splat(b'u')))) << (index * 16)
    });
    CodePoints { us, digits: by_halves(block, &DIGITS) }
}

/// Returns the bytes of a kind.
#[inline(always)]
fn by_halves(block: &[u8; BLOCK], kind: &[u8; 16]) -> u64 {
    let (lower, upper) = (load(kind), load(&UPPER));
    let (parts, _) = block.as_chunks::<16>();
    let mut others = 0;
    for (index, part) in parts.iter().enumerate() {
        let part = load(part);
        let low = i8x16_swizzle(lower, v128_and(part, u8x16_splat(0x0F)));
        let high = i8x16_swizzle(upper, u8x16_shr(part, 4));
        others |= u64::from(u8x16_bitmask(u8x16_eq(v128_and(low, high), u64x2(0, 0)))) << (index * 16);
    }
    !others
}
