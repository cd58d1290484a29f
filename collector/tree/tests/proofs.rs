//! Proofs of every size up to a bound, against the definition and against alterations.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test may panic")]

use headgate_collector_tree::{
    CompactRange, Hash, NodeSource, consistency_proof, inclusion_proof, leaf_hash, node_hash, range_hash,
    verify_consistency, verify_inclusion,
};
use std::collections::HashMap;

/// All complete nodes of a tree.
#[derive(Default)]
struct Nodes(HashMap<(u8, u64), Hash>);

impl NodeSource for Nodes {
    type Error = (u8, u64);

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, (u8, u64)> {
        self.0.get(&(level, index)).copied().ok_or((level, index))
    }
}

const MOST: u64 = 70;

fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

/// Returns the nodes of a tree of size [`MOST`] and the root of each size.
fn tree() -> (Nodes, Vec<Hash>) {
    let (mut range, mut nodes) = (CompactRange::default(), Nodes::default());
    let mut roots = vec![range.root()];
    for index in 0..MOST {
        range.push(leaf(index), |level, index, hash| {
            nodes.0.insert((level, index), *hash);
        });
        roots.push(range.root());
    }
    (nodes, roots)
}

fn at(roots: &[Hash], size: u64) -> &Hash {
    &roots[usize::try_from(size).unwrap()]
}

#[test]
fn each_entry_is_proven_and_no_other_one() {
    let (mut nodes, roots) = tree();
    for size in 1..=MOST {
        let root = at(&roots, size);
        assert_eq!(range_hash(&mut nodes, 0, size).unwrap(), *root);
        for index in 0..size {
            let path = inclusion_proof(&mut nodes, index, size).unwrap();
            verify_inclusion(index, size, &leaf(index), &path, root).unwrap();
            assert!(verify_inclusion(index, size, &leaf(index + 1), &path, root).is_err());
            assert!(verify_inclusion(index, size, &leaf(index), &path, at(&roots, size - 1)).is_err());
            let other = if index > 0 { index - 1 } else { index + 1 };
            assert!(verify_inclusion(other, size, &leaf(index), &path, root).is_err(), "{other} of {size}");
            for place in 0..path.len() {
                let mut altered = path.clone();
                altered[place][7] ^= 1;
                assert!(verify_inclusion(index, size, &leaf(index), &altered, root).is_err());
                altered.remove(place);
                assert!(verify_inclusion(index, size, &leaf(index), &altered, root).is_err());
            }
        }
        assert!(verify_inclusion(size, size, &leaf(size), &[], root).is_err());
    }
}

#[test]
fn each_beginning_is_proven_and_no_fork() {
    let (mut nodes, roots) = tree();
    for to in 0..=MOST {
        for from in 0..=to {
            let proof = consistency_proof(&mut nodes, from, to).unwrap();
            let (old, new) = ((from, at(&roots, from)), (to, at(&roots, to)));
            verify_consistency(old, new, &proof).unwrap();
            let fork = node_hash(old.1, old.1);
            assert!(verify_consistency((from, &fork), new, &proof).is_err(), "{from} to {to}");
            assert!(from == 0 || verify_consistency(old, (to, &fork), &proof).is_err(), "{from} to {to}");
            assert!(from == to || verify_consistency(new, old, &proof).is_err());
            for place in 0..proof.len() {
                let mut altered = proof.clone();
                altered[place][31] ^= 0x80;
                assert!(verify_consistency(old, new, &altered).is_err());
                altered.remove(place);
                assert!(verify_consistency(old, new, &altered).is_err());
            }
        }
    }
}

#[test]
fn an_unknown_node_makes_no_proof() {
    let (mut nodes, _) = tree();
    nodes.0.remove(&(2, 3));
    assert_eq!(inclusion_proof(&mut nodes, 8, 64), Err((2, 3)));
    assert!(inclusion_proof(&mut nodes, 12, 64).is_ok(), "its own subtree is not in its path");
    assert_eq!(consistency_proof(&mut nodes, 12, 64), Err((2, 3)));
}
