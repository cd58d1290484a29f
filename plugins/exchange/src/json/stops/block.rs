//! The length of a block.

/// Number of bytes of a block, one bit each.
pub(crate) const BLOCK: usize = 64;
