//! The hash trees over both logs (RFC 6962), stored beside them.
//!
//! A tree grows in the transaction that stores the entry, so tree and log cannot part. Stored are the heads of the largest
//! complete subtrees, from which it grows without its leaves, and the hashes of every eighth level as tiles. The leaves are
//! not stored a second time: they are the column `leaf` of an entry, and `gone_leaves` of a deleted one. A tile of a level above
//! is never deleted, so the tree stays provable when whole segments of leaves are gone.
//!
//! # Leaves that are lost
//! A recovery may find no entry and no hash at a position. If the head of a subtree over it is still known, from a tile or from
//! the heads, the tree goes on as it was. Otherwise the leaf of an empty entry takes the place. The tree then differs from every
//! tree that had the lost leaf, and no checkpoint is signed that contradicts an earlier one.

mod build;
mod bundle;
mod grow;
mod growth;
mod known_hashes;
mod leaves;
mod nodes;
mod state;
#[cfg(test)]
mod tests;
mod tiles;

pub(crate) use build::{align, build_all};
pub use build::{catch_up_all, rebuild};
pub use bundle::{BundleFault, Run, entry_bundle};
pub(crate) use grow::grow;
pub use known_hashes::KnownHashes;
pub use leaves::deleted_ranges;
pub use nodes::{NodeFault, StoredTree};
pub use state::{TreeState, tree_state};
pub(crate) use tiles::has_tiles_of;

use headgate_collector_tree::Hash;

/// A hash that is not known.
const UNKNOWN: Hash = [0; 32];

/// Returns the index of the entry at a position: positions begin at 1.
#[must_use]
pub fn index_of(position: i64) -> u64 {
    u64::try_from(position.saturating_sub(1)).unwrap_or(0)
}

/// Returns the position of the entry with an index.
#[must_use]
pub fn position_of(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1)
}

/// Returns a number of leaves or hashes as the database has it.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
