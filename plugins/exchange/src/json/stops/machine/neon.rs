//! With NEON, which every 64-bit ARM has, 16 bytes at a time.

use super::halves::{DIGITS, LETTERS, UPPER};
use crate::json::stops::block::BLOCK;
use crate::json::stops::marks::{CodePoints, Marks};
use crate::json::stops::run::{Run, Stops};
use core::arch::aarch64::{
    uint8x16_t, vaddv_u8, vand_u8, vandq_u8, vceqq_u8, vcltq_u8, vcombine_u8, vcreate_u8, vdupq_n_u8, vget_high_u8,
    vget_low_u8, vmaxvq_u8, vorrq_u8, vqtbl1q_u8, vshrq_n_u8, vtstq_u8,
};

#[inline]
#[target_feature(enable = "neon")]
fn load(part: &[u8; 16]) -> uint8x16_t {
    // Two halves of one number become one vector load.
    let bytes = u128::from_le_bytes(*part);
    vcombine_u8(vcreate_u8(bytes as u64), vcreate_u8((bytes >> 64) as u64))
}

/// Returns one bit for each byte that is all ones.
#[inline]
#[target_feature(enable = "neon")]
fn bitmask(bytes: uint8x16_t) -> u16 {
    let places = vcreate_u8(u64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128]));
    let low = vaddv_u8(vand_u8(vget_low_u8(bytes), places));
    let high = vaddv_u8(vand_u8(vget_high_u8(bytes), places));
    u16::from_le_bytes([low, high])
}

/// Returns the run that begins at `at`.
#[target_feature(enable = "neon")]
pub(crate) fn run(stops: &mut Stops, bytes: &[u8], at: usize) -> Run {
    stops.run_by(bytes, at, |block| marks(block), |block| letters(block), |block| code_points(block))
}

#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn marks(block: &[u8; BLOCK]) -> Marks {
    let (parts, _) = block.as_chunks::<16>();
    let (mut backslashes, mut ends, mut all) = (0, 0, vdupq_n_u8(0));
    for (index, part) in parts.iter().enumerate() {
        let part = load(part);
        let quote = vceqq_u8(part, vdupq_n_u8(b'"'));
        let backslash = vceqq_u8(part, vdupq_n_u8(b'\\'));
        let control = vcltq_u8(part, vdupq_n_u8(0x20));
        backslashes |= u64::from(bitmask(backslash)) << (index * 16);
        ends |= u64::from(bitmask(vorrq_u8(quote, control))) << (index * 16);
        all = vorrq_u8(all, part);
    }
    Marks { backslashes, ends, high: vmaxvq_u8(all) >= 0x80 }
}

#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn letters(block: &[u8; BLOCK]) -> u64 {
    by_halves(block, &LETTERS)
}

#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn code_points(block: &[u8; BLOCK]) -> CodePoints {
    let (parts, _) = block.as_chunks::<16>();
    let mut us = 0;
    for (index, part) in parts.iter().enumerate() {
        us |= u64::from(bitmask(vceqq_u8(load(part), vdupq_n_u8(b'u')))) << (index * 16);
    }
    CodePoints { us, digits: by_halves(block, &DIGITS) }
}

/// Returns the bytes of a kind.
#[inline]
#[target_feature(enable = "neon")]
fn by_halves(block: &[u8; BLOCK], kind: &[u8; 16]) -> u64 {
    let (lower, upper) = (load(kind), load(&UPPER));
    let (parts, _) = block.as_chunks::<16>();
    let mut bits = 0;
    for (index, part) in parts.iter().enumerate() {
        let part = load(part);
        let low = vqtbl1q_u8(lower, vandq_u8(part, vdupq_n_u8(0x0F)));
        let high = vqtbl1q_u8(upper, vshrq_n_u8::<4>(part));
        bits |= u64::from(bitmask(vtstq_u8(low, high))) << (index * 16);
    }
    bits
}
