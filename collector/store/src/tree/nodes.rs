//! The nodes of a stored tree, for proofs and tiles.

use super::tiles::{self, tile_level};
use super::{UNKNOWN, leaves, position_of, state, stored};
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_collector_tree::{CompactRange, Hash, NodeSource, TILE_HEIGHT, TILE_WIDTH, Tile, node_hash};
use headgate_collector_types::Log;
use std::collections::HashMap;

/// The level of the head of a segment's 16,384 leaves.
const SEGMENT_LEVEL: u8 = 14;

/// The reason why a node cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeFault {
    /// The hashes of the entries at these positions are not known. `deleted` if retention deleted the whole segment.
    Missing {
        /// The first position.
        first: i64,
        /// The last position.
        last: i64,
        /// Whether the entries were deleted, and not lost.
        deleted: bool,
    },
    /// The store cannot be read.
    Store(StoreError),
}

impl From<StoreError> for NodeFault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The nodes of a stored tree. It keeps what it has read, and is for one proof or a few.
#[derive(Debug)]
pub struct StoredTree<'a> {
    db: &'a Db,
    log: Log,
    range: CompactRange,
    tiles: HashMap<(u8, u64), Vec<Hash>>,
    leaves: HashMap<u64, Vec<Option<Hash>>>,
}

impl<'a> StoredTree<'a> {
    /// Returns the tree of a log; `None` if what is stored of it is damaged.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(db: &'a Db, log: Log) -> Result<Option<Self>, StoreError> {
        let range = state::load(db, log)?;
        Ok(range.map(|range| Self { db, log, range, tiles: HashMap::new(), leaves: HashMap::new() }))
    }

    /// Returns the number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.range.size()
    }

    /// Returns the root over all leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.range.root()
    }

    /// Returns the hashes of a tile that the tree has.
    ///
    /// # Errors
    /// Hashes are missing, or the store cannot be read.
    pub fn tile(&mut self, tile: Tile) -> Result<Vec<Hash>, NodeFault> {
        let first = tile.index.saturating_mul(TILE_WIDTH);
        (first..first.saturating_add(tile.width)).map(|node| self.node(tile.tree_level(), node)).collect()
    }

    fn in_tile(&mut self, level: u8, node: u64) -> Result<Option<Hash>, StoreError> {
        let (tile, place) = (node / TILE_WIDTH, usize::try_from(node % TILE_WIDTH).unwrap_or(0));
        let hashes = match self.tiles.entry((level, tile)) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(tiles::read(self.db, self.log, level, tile)?),
        };
        Ok(hashes.get(place).copied().filter(|hash| *hash != UNKNOWN))
    }

    fn leaf(&mut self, index: u64) -> Result<Option<Hash>, StoreError> {
        let (tile, place) = (index / TILE_WIDTH, usize::try_from(index % TILE_WIDTH).unwrap_or(0));
        if !self.leaves.contains_key(&tile) {
            let first = tile.saturating_mul(TILE_WIDTH);
            let end = first.saturating_add(TILE_WIDTH).min(self.size().max(first));
            self.leaves.insert(tile, leaves::read(self.db, self.log, first, end)?);
        }
        Ok(self.leaves.get(&tile).and_then(|leaves| *leaves.get(place)?))
    }

    /// Returns what is known of a node over lost leaves.
    fn kept(&self, level: u8, node: u64) -> Result<Option<Hash>, StoreError> {
        let mut select =
            self.db.prepare_cached("SELECT hash FROM tree_nodes WHERE log = ?1 AND level = ?2 AND node = ?3")?;
        Ok(select.query_row(params![self.log.as_str(), level, stored(node)], |row| row.get(0)).optional()?)
    }

    /// Returns the head of the two nodes below.
    fn of_children(&mut self, level: u8, node: u64) -> Result<Hash, NodeFault> {
        let left = self.node(level.saturating_sub(1), node.saturating_mul(2))?;
        let right = self.node(level.saturating_sub(1), node.saturating_mul(2).saturating_add(1))?;
        Ok(node_hash(&left, &right))
    }

    fn missing(&self, first: i64, last: i64) -> Result<NodeFault, StoreError> {
        let segment = headgate_collector_columns::segment_of(first);
        let deleted = leaves::segment_head(self.db, self.log, u64::try_from(segment).unwrap_or(0))?.is_some();
        Ok(NodeFault::Missing { first, last, deleted })
    }
}

impl NodeSource for StoredTree<'_> {
    type Error = NodeFault;

    fn node(&mut self, level: u8, node: u64) -> Result<Hash, NodeFault> {
        if level == 0 {
            let leaf = self.leaf(node)?;
            return leaf.ok_or(()).or_else(|()| Err(self.missing(position_of(node), position_of(node))?));
        }
        if let Some(tile_level) = tile_level(level)
            && let Some(hash) = self.in_tile(tile_level, node)?
        {
            return Ok(hash);
        }
        if level == SEGMENT_LEVEL
            && let Some(head) = leaves::segment_head(self.db, self.log, node)?
        {
            return Ok(head);
        }
        match self.of_children(level, node) {
            Err(NodeFault::Missing { .. }) if level < TILE_HEIGHT => match self.kept(level, node)? {
                Some(hash) => Ok(hash),
                None => {
                    let last = (node.saturating_add(1) << level).saturating_sub(1);
                    Err(self.missing(position_of(node << level), position_of(last))?)
                }
            },
            found => found,
        }
    }
}
