//! Eight bytes as one word.

/// A one in each byte.
pub(crate) const ONES: u64 = u64::MAX / 0xFF;
/// The high bit of each byte.
pub(crate) const HIGH: u64 = ONES * 0x80;

/// Returns the high bit of the first byte that is this one. Bits behind it may be set for others.
#[inline(always)]
pub(crate) const fn first_equal(word: u64, byte: u8) -> u64 {
    let word = word ^ (ONES * byte as u64);
    word.wrapping_sub(ONES) & !word & HIGH
}

/// Returns the number of bytes at the beginning that are this one.
#[inline(always)]
pub(crate) const fn leading_equal(word: u64, byte: u8) -> usize {
    (word ^ (ONES * byte as u64)).trailing_zeros() as usize / 8
}
