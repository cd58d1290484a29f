//! Hashes that are stored for entries that are not there, for a walk that grows a tree anew.

use super::tiles;
use super::{UNKNOWN, index_of, leaves, position_of};
use headgate_collector_columns::{SEGMENT, first_of, segment_of};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_tree::{Hash, TILE_WIDTH};
use headgate_collector_types::Log;
use std::collections::BTreeMap;

/// The level of the head of a segment's leaves.
const SEGMENT_LEVEL: u8 = 14;

/// The stored hashes of one log. It keeps those of the current segment.
#[derive(Debug)]
pub struct KnownHashes<'a> {
    db: &'a Db,
    log: Log,
    segment: Option<i64>,
    /// Hashes of deleted entries of the segment, by index.
    deleted: BTreeMap<u64, Hash>,
    /// The head over the segment, if it is deleted as a whole.
    head: Option<Hash>,
    /// The last tile of each level that was read.
    tiles: BTreeMap<u8, (u64, Vec<Hash>)>,
}

impl<'a> KnownHashes<'a> {
    /// Returns the stored hashes of a log.
    #[must_use]
    pub const fn new(db: &'a Db, log: Log) -> Self {
        Self { db, log, segment: None, deleted: BTreeMap::new(), head: None, tiles: BTreeMap::new() }
    }

    /// Returns the hashes of deleted entries from index `first` to before `end`, which are in one segment.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn of_deleted(&mut self, first: u64, end: u64) -> Result<Vec<Option<Hash>>, StoreError> {
        self.turn_to(first)?;
        Ok((first..end).map(|index| self.deleted.get(&index).copied()).collect())
    }

    /// Returns whether the segment of an index is deleted as a whole.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn is_gone(&mut self, index: u64) -> Result<bool, StoreError> {
        self.turn_to(index)?;
        Ok(self.head.is_some())
    }

    /// Returns level and head of the segment that begins at an index, if it is deleted as a whole and no tile has the hashes
    /// below.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn whole_segment(&mut self, first: u64) -> Result<Option<(u8, Hash)>, StoreError> {
        self.turn_to(first)?;
        let segment = segment_of(position_of(first));
        if first != index_of(first_of(segment)) || tiles::has_tiles_of(self.db, self.log, segment)? {
            return Ok(None);
        }
        Ok(self.head.map(|head| (SEGMENT_LEVEL, head)))
    }

    /// Returns the hash of a node in a tile; `None` if there is none or it is not known.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn tile(&mut self, level: u8, node: u64) -> Result<Option<Hash>, StoreError> {
        Ok(self.in_tile(level, node)?.filter(|hash| *hash != UNKNOWN))
    }

    /// Returns whether a tile says that the hash of a node is not known.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn is_unknown(&mut self, level: u8, node: u64) -> Result<bool, StoreError> {
        Ok(self.in_tile(level, node)? == Some(UNKNOWN))
    }

    /// Returns level and hash of what is known of the node that begins at an index, below level 8.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn node_at(&self, index: u64) -> Result<Option<(u8, Hash)>, StoreError> {
        leaves::node_at(self.db, self.log, index)
    }

    fn in_tile(&mut self, level: u8, node: u64) -> Result<Option<Hash>, StoreError> {
        let tile = node / TILE_WIDTH;
        if self.tiles.get(&level).is_none_or(|(known, _)| *known != tile) {
            self.tiles.insert(level, (tile, tiles::read(self.db, self.log, level, tile)?));
        }
        let place = usize::try_from(node % TILE_WIDTH).unwrap_or(0);
        Ok(self.tiles.get(&level).and_then(|(_, hashes)| hashes.get(place).copied()))
    }

    fn turn_to(&mut self, index: u64) -> Result<(), StoreError> {
        let segment = segment_of(position_of(index));
        if self.segment == Some(segment) {
            return Ok(());
        }
        let first = index_of(first_of(segment));
        let end = first.saturating_add(SEGMENT.unsigned_abs());
        self.deleted.clear();
        for (run, hashes) in leaves::of_deleted(self.db, self.log, first, end)? {
            self.deleted.extend((index_of(run)..).zip(hashes.as_chunks::<32>().0.iter().copied()));
        }
        self.head = leaves::segment_head(self.db, self.log, u64::try_from(segment).unwrap_or(0))?;
        self.segment = Some(segment);
        Ok(())
    }
}
