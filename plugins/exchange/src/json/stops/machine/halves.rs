//! Kinds of bytes by the two halves of a byte, as a shuffle of bytes looks them up: a byte is of a kind if its halves have a bit in common.

/// The bit of a byte's upper half. No byte from 0x80 up is of a kind.
pub(super) const UPPER: [u8; 16] = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0, 0, 0, 0, 0, 0, 0, 0];

/// The upper halves of the letters of escapes with this lower half: `"`, `b` and `r` end in 2, `t` in 4, `f` in 6, `\` in C, `n` in E, `/` in F.
pub(super) const LETTERS: [u8; 16] = [0, 0, 0xC4, 0, 0x80, 0, 0x40, 0, 0, 0, 0, 0, 0x20, 0, 0x40, 0x04];

/// The same of hexadecimal digits: `0` to `9` from 0x30 up, `A` to `F` from 0x41 up, `a` to `f` from 0x61 up.
pub(super) const DIGITS: [u8; 16] = [0x08, 0x58, 0x58, 0x58, 0x58, 0x58, 0x58, 0x08, 0x08, 0x08, 0, 0, 0, 0, 0, 0];
