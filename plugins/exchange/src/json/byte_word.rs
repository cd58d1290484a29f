//! Eight bytes as one word.

/// A one in each byte.
pub(crate) const ONES: u64 = u64::MAX / 0xFF;
/// The high bit of each byte.
pub(crate) const HIGH: u64 = ONES * 0x80;

/// Returns the high bit of each byte that is zero, and no other.
#[inline(always)]
pub(crate) const fn zeros(word: u64) -> u64 {
    !(((word & !HIGH) + !HIGH) | word | !HIGH)
}

/// Returns the high bit of each byte that is this one, and no other.
#[inline(always)]
pub(crate) const fn bytes_equal(word: u64, byte: u8) -> u64 {
    zeros(word ^ (ONES * byte as u64))
}
