//! The checks of proofs (RFC 9162, 2.1.3.2 and 2.1.4.2).

use crate::{Error, Hash, Result, empty_root, node_hash};

const TOO_SHORT_OR_LONG: Error = Error::Contradicted("the proof does not have the length that the sizes need");

/// Verifies that a leaf is at this index of the tree with this size and root.
///
/// # Errors
/// It is not, or the proof does not show it.
pub fn verify_inclusion(index: u64, size: u64, leaf: &Hash, path: &[Hash], root: &Hash) -> Result<()> {
    if index >= size {
        return Err(Error::Contradicted("the index is outside the tree"));
    }
    let (mut place, mut last, mut head) = (index, size - 1, *leaf);
    for other in path {
        if last == 0 {
            return Err(TOO_SHORT_OR_LONG);
        }
        if place & 1 == 1 || place == last {
            head = node_hash(other, &head);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            head = node_hash(&head, other);
        }
        place >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(TOO_SHORT_OR_LONG);
    }
    if head == *root { Ok(()) } else { Err(Error::Contradicted("the entry is not in the tree with this root")) }
}

/// Verifies that a tree is the beginning of a larger one. Each is given as (size, root).
///
/// # Errors
/// It is not, or the proof does not show it.
pub fn verify_consistency(older: (u64, &Hash), newer: (u64, &Hash), proof: &[Hash]) -> Result<()> {
    let ((from, old_root), (to, new_root)) = (older, newer);
    if from > to {
        return Err(Error::Contradicted("the tree has become smaller"));
    }
    if from == to || from == 0 {
        let known = if from == to { *new_root } else { empty_root() };
        if !proof.is_empty() {
            return Err(TOO_SHORT_OR_LONG);
        }
        return if *old_root == known { Ok(()) } else { Err(Error::Contradicted("the roots of one size differ")) };
    }
    let (mut place, mut last) = (from - 1, to - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    // A complete older tree is a node of the newer one, and the proof leaves it out.
    let (start, rest) = match proof.split_first() {
        _ if from.is_power_of_two() => (*old_root, proof),
        Some((first, rest)) => (*first, rest),
        None => return Err(TOO_SHORT_OR_LONG),
    };
    let (mut old_head, mut new_head) = (start, start);
    for other in rest {
        if last == 0 {
            return Err(TOO_SHORT_OR_LONG);
        }
        if place & 1 == 1 || place == last {
            old_head = node_hash(other, &old_head);
            new_head = node_hash(other, &new_head);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            new_head = node_hash(&new_head, other);
        }
        place >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(TOO_SHORT_OR_LONG);
    }
    if old_head != *old_root {
        return Err(Error::Contradicted("the proof does not lead to the root of the older tree"));
    }
    if new_head != *new_root {
        return Err(Error::Contradicted("the proof does not lead to the root of the newer tree"));
    }
    Ok(())
}
