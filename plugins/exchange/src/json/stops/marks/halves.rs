//! The letters of escapes by the two halves of a byte, as a shuffle of bytes looks them up: a byte is such a letter if its halves have a
//! bit in common.

/// The bit of a byte's upper half; no letter is above 0x7F.
pub(super) const UPPER: [u8; 16] = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0, 0, 0, 0, 0, 0, 0, 0];

/// The upper halves of the letters with this lower half: `"`, `b` and `r` end in 2, `t` in 4, `f` in 6, `\` in C, `n` in E, `/` in F.
pub(super) const LOWER: [u8; 16] = [0, 0, 0xC4, 0, 0x80, 0, 0x40, 0, 0, 0, 0, 0, 0x20, 0, 0x40, 0x04];
