//! The part of a tree that has no entry of the packet, as heads of complete subtrees.
//!
//! With the leaves of the packet's own entries between them, they make the root of the whole tree. So they show that the entries are in
//! the log, at which places, and how many other entries the log has. Their number grows with the logarithm of the log's size, not with
//! the size.

use headgate_collector_tree::Hash;

/// The bytes of a node: 8 of its first index and 1 of its level, the highest first, and 32 of its hash.
pub const NODE_BYTES: usize = 41;

/// The head of the complete subtree over the `2^level` leaves from `index` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// The index of the first leaf.
    pub index: u64,
    /// The level; 0 for a leaf.
    pub level: u8,
    /// The hash.
    pub hash: Hash,
}

impl Node {
    /// Returns the bytes in the file.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; NODE_BYTES] {
        let mut bytes = [0; NODE_BYTES];
        let parts = self.index.to_be_bytes().into_iter().chain([self.level]).chain(self.hash);
        bytes.iter_mut().zip(parts).for_each(|(place, byte)| *place = byte);
        bytes
    }

    /// Returns the node in its bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; NODE_BYTES]) -> Option<Self> {
        let (index, rest) = bytes.split_first_chunk::<8>()?;
        let (level, hash) = rest.split_first()?;
        Some(Self { index: u64::from_be_bytes(*index), level: *level, hash: hash.try_into().ok()? })
    }
}

/// Returns the largest complete subtrees that cover the leaves from `first` to before `end`, from left to right: index and level.
pub fn cover(first: u64, end: u64) -> impl Iterator<Item = (u64, u8)> {
    let mut from = first;
    std::iter::from_fn(move || {
        let width = end.checked_sub(from).filter(|width| *width > 0)?;
        let aligned = if from == 0 { u64::BITS } else { from.trailing_zeros() };
        let level = width.ilog2().min(aligned);
        let index = from;
        from = from.saturating_add(1 << level);
        Some((index, u8::try_from(level).unwrap_or(u8::MAX)))
    })
}

#[cfg(test)]
mod tests {
    use super::{Node, cover};

    #[test]
    fn a_cover_is_aligned_and_has_no_hole() {
        for (first, end) in [(0, 0), (0, 1), (0, 1000), (5, 6), (5, 23), (256, 1024), (255, 65_537), (7, 7)] {
            let mut next = first;
            for (index, level) in cover(first, end) {
                assert!(index == next && index.is_multiple_of(1 << level), "{first} {end}");
                next = index + (1 << level);
            }
            assert_eq!(next, end);
        }
        assert!(cover(3, (1 << 40) + 5).count() < 90);
    }

    #[test]
    fn a_node_is_read_as_it_was_written() {
        let node = Node { index: 0x0102_0304_0506_0708, level: 9, hash: [7; 32] };
        assert_eq!(Node::from_bytes(&node.to_bytes()), Some(node));
    }
}
