//! The compact range of a tree: the heads of its largest complete subtrees. With it, a tree grows without its leaves.

use crate::{Hash, empty_root, node_hash};

/// The heads of the largest complete subtrees of a tree, from left to right: one for each bit that is set in the size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    heads: Vec<Hash>,
}

impl CompactRange {
    /// Returns the compact range of a tree of this size; `None` if it does not have as many heads as that size needs.
    #[must_use]
    pub fn new(size: u64, heads: Vec<Hash>) -> Option<Self> {
        let needed = usize::try_from(size.count_ones()).ok()?;
        (heads.len() == needed).then_some(Self { size, heads })
    }

    /// Returns the number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the heads, the one of the largest subtree first.
    #[must_use]
    pub fn heads(&self) -> &[Hash] {
        &self.heads
    }

    /// Appends a leaf. `visit` is called with each node that is complete now, from the leaf upwards: level, index, hash.
    pub fn push(&mut self, leaf: Hash, visit: impl FnMut(u8, u64, &Hash)) {
        self.push_subtree(0, leaf, visit);
    }

    /// Appends the head of a complete subtree of 2^level leaves. Returns false, and changes nothing, if the tree does not end
    /// where such a subtree may begin.
    pub fn push_subtree(&mut self, level: u8, head: Hash, mut visit: impl FnMut(u8, u64, &Hash)) -> bool {
        let Some(width) = 1_u64.checked_shl(level.into()) else { return false };
        let Some(end) = self.size.checked_add(width) else { return false };
        if !self.size.is_multiple_of(width) {
            return false;
        }
        let (mut level, mut head) = (level, head);
        visit(level, self.size >> level, &head);
        while self.size >> level & 1 == 1
            && let Some(left) = self.heads.pop()
        {
            head = node_hash(&left, &head);
            level += 1;
            visit(level, self.size >> level, &head);
        }
        self.heads.push(head);
        self.size = end;
        true
    }

    /// Returns the root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let joined = self.heads.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        joined.unwrap_or_else(empty_root)
    }
}

#[cfg(test)]
mod tests {
    use super::CompactRange;
    use crate::{Hash, empty_root, leaf_hash, node_hash};

    /// Returns the root as RFC 6962 defines it.
    fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node_hash(&root(left), &root(right))
            }
        }
    }

    #[test]
    fn a_range_that_grows_has_the_root_of_the_definition() {
        let leaves: Vec<Hash> = (0..300_u32).map(|number| leaf_hash(&number.to_be_bytes())).collect();
        let mut range = CompactRange::default();
        let mut nodes = Vec::new();
        for size in 0..leaves.len() {
            assert_eq!(range.root(), root(&leaves[..size]), "size {size}");
            range.push(leaves[size], |level, index, hash| nodes.push((level, index, *hash)));
        }
        for (level, index, hash) in nodes {
            let (first, width) = (usize::try_from(index).unwrap() << level, 1 << level);
            assert_eq!(hash, root(&leaves[first..first + width]), "level {level}, index {index}");
        }
        assert_eq!(CompactRange::new(range.size(), range.heads().to_vec()).unwrap(), range);
        assert_eq!(CompactRange::new(range.size() + 1, range.heads().to_vec()), None);
    }

    #[test]
    fn a_subtree_is_appended_like_its_leaves() {
        let leaves: Vec<Hash> = (0..24_u32).map(|number| leaf_hash(&number.to_be_bytes())).collect();
        let mut range = CompactRange::default();
        leaves[..16].iter().for_each(|leaf| range.push(*leaf, |_, _, _| {}));
        assert!(range.push_subtree(3, root(&leaves[16..]), |_, _, _| {}));
        assert_eq!((range.size(), range.root()), (24, root(&leaves)));
        assert!(!range.push_subtree(4, leaves[0], |_, _, _| {}), "24 is no multiple of 16");
        assert!(!range.push_subtree(64, leaves[0], |_, _, _| {}));
    }

    #[test]
    fn the_root_matches_published_test_vectors() {
        let entries: [&[u8]; 8] =
            [b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"];
        let mut range = CompactRange::default();
        entries.iter().for_each(|entry| range.push(leaf_hash(entry), |_, _, _| {}));
        let hex: String = range.root().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }
}
