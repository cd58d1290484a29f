//! In registers of eight bytes.

use crate::json::byte_word::{HIGH, ONES};
use crate::json::stops::block::BLOCK;
use crate::json::stops::marks::{CodePoints, Marks};
use crate::json::stops::run::ESCAPE_LETTERS;

/// Returns the high bit of each byte that is zero, and no other.
#[inline(always)]
const fn zeros(word: u64) -> u64 {
    !(((word & !HIGH) + !HIGH) | word | !HIGH)
}

/// Returns the high bit of each byte that is this one, and no other.
#[inline(always)]
const fn bytes_equal(word: u64, byte: u8) -> u64 {
    zeros(word ^ (ONES * byte as u64))
}

/// Moves the high bits of a word together.
#[inline(always)]
const fn together(high: u64) -> u64 {
    (high >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[inline(always)]
pub(crate) fn marks(block: &[u8; BLOCK]) -> Marks {
    let (parts, _) = block.as_chunks::<8>();
    let (mut backslashes, mut ends, mut all) = (0, 0, 0);
    for (index, part) in parts.iter().enumerate() {
        let word = u64::from_le_bytes(*part);
        let control = zeros(word & (ONES * 0xE0));
        backslashes |= together(bytes_equal(word, b'\\')) << (index * 8);
        ends |= together(bytes_equal(word, b'"') | control) << (index * 8);
        all |= word;
    }
    Marks { backslashes, ends, high: all & HIGH != 0 }
}

#[inline(always)]
pub(crate) fn letters(block: &[u8; BLOCK]) -> u64 {
    let (parts, _) = block.as_chunks::<8>();
    parts.iter().enumerate().fold(0, |bits, (index, part)| {
        let word = u64::from_le_bytes(*part);
        let found = ESCAPE_LETTERS.iter().fold(0, |found, letter| found | bytes_equal(word, *letter));
        bits | together(found) << (index * 8)
    })
}

#[inline(always)]
pub(crate) fn code_points(block: &[u8; BLOCK]) -> CodePoints {
    let mut found = CodePoints { us: 0, digits: 0 };
    for byte in block.iter().rev() {
        found.us = found.us << 1 | u64::from(*byte == b'u');
        found.digits = found.digits << 1 | u64::from(byte.is_ascii_hexdigit());
    }
    found
}
