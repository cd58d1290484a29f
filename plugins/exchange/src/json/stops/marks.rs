//! The bytes of a block that matter in a string, as bits.

/// Bytes of a block, the first one in the lowest bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) backslashes: u64,
    /// Quotes and control characters.
    pub(crate) ends: u64,
    /// Whether a byte from 0x80 up is among them.
    pub(crate) high: bool,
}

/// Bytes of a block that escapes of four digits consist of, the first one in the lowest bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodePoints {
    /// Each `u`.
    pub(crate) us: u64,
    /// Hexadecimal digits.
    pub(crate) digits: u64,
}

impl CodePoints {
    /// Returns each `u` that four digits of this block follow.
    #[inline(always)]
    pub(crate) const fn escapes(self) -> u64 {
        let twice = self.digits >> 1 & self.digits >> 2;
        self.us & twice & twice >> 2
    }
}
