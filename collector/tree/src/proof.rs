//! Proofs about a tree, made from its nodes (RFC 6962, 2.1.1 and 2.1.2).

use crate::{Hash, empty_root, node_hash};

/// The complete nodes of a tree.
pub trait NodeSource {
    /// The reason why a node cannot be read.
    type Error;

    /// Returns the head of the complete subtree over the leaves `index * 2^level` and on.
    ///
    /// # Errors
    /// The node is unknown.
    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// Returns the head of the tree over the leaves from `first` to before `end`, where `first` is a multiple of the largest power
/// of two that fits.
///
/// # Errors
/// As for [`NodeSource::node`].
pub fn range_hash<S: NodeSource>(nodes: &mut S, first: u64, end: u64) -> Result<Hash, S::Error> {
    let (mut from, mut heads) = (first, Vec::new());
    while from < end {
        let level = (end - from).ilog2();
        heads.push(nodes.node(u8::try_from(level).unwrap_or(u8::MAX), from >> level)?);
        from = from.saturating_add(1 << level);
    }
    Ok(heads.into_iter().rev().reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root))
}

/// Returns the largest power of two below a number; 0 for 1.
const fn split(width: u64) -> u64 {
    match width.saturating_sub(1).checked_ilog2() {
        Some(level) => 1 << level,
        None => 0,
    }
}

/// Returns the audit path of a leaf in the tree of this size, from the leaf upwards.
///
/// # Errors
/// As for [`NodeSource::node`].
pub fn inclusion_proof<S: NodeSource>(nodes: &mut S, index: u64, size: u64) -> Result<Vec<Hash>, S::Error> {
    let (mut first, mut end, mut path) = (0, size, Vec::new());
    while index < size && end - first > 1 {
        let middle = first + split(end - first);
        if index < middle {
            path.push(range_hash(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(range_hash(nodes, first, middle)?);
            first = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// Returns the proof that the tree of size `from` is the beginning of the tree of size `to`.
///
/// # Errors
/// As for [`NodeSource::node`].
pub fn consistency_proof<S: NodeSource>(nodes: &mut S, from: u64, to: u64) -> Result<Vec<Hash>, S::Error> {
    let mut proof = Vec::new();
    if from == 0 || from >= to {
        return Ok(proof);
    }
    let (mut first, mut end) = (0, to);
    while from < end {
        let middle = first + split(end - first);
        if from <= middle {
            proof.push(range_hash(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(range_hash(nodes, first, middle)?);
            first = middle;
        }
    }
    // The verifier knows the head of the whole older tree.
    if first > 0 {
        proof.push(range_hash(nodes, first, end)?);
    }
    proof.reverse();
    Ok(proof)
}
