//! A tree that grows within a transaction.

use super::state;
use super::tiles::{TileWriter, tile_level};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_tree::{CompactRange, Hash};
use headgate_collector_types::Log;

/// A tree that grows within a transaction.
pub(super) struct Growth<'a> {
    tx: &'a Db,
    log: Log,
    range: CompactRange,
    tiles: TileWriter<'a>,
    /// Nodes to be written into tiles: level among tiles, index, hash.
    complete: Vec<(u8, u64, Hash)>,
}

impl<'a> Growth<'a> {
    pub(super) const fn new(tx: &'a Db, log: Log, range: CompactRange) -> Self {
        Self { tx, log, range, tiles: TileWriter::new(tx, log), complete: Vec::new() }
    }

    /// Returns the number of leaves so far.
    pub(super) const fn size(&self) -> u64 {
        self.range.size()
    }

    /// Appends a subtree of 2^level leaves, which must fit there.
    pub(super) fn push(&mut self, level: u8, head: Hash) -> Result<(), StoreError> {
        let complete = &mut self.complete;
        let fits = self.range.push_subtree(level, head, |level, node, hash| {
            if let Some(level) = tile_level(level) {
                complete.push((level, node, *hash));
            }
        });
        let nodes = self.complete.drain(..);
        for (level, node, hash) in nodes {
            self.tiles.put(level, node, hash)?;
        }
        if fits { Ok(()) } else { Err(StoreError::Other) }
    }

    /// Stores the tree.
    pub(super) fn finish(self) -> Result<CompactRange, StoreError> {
        self.tiles.finish()?;
        state::save(self.tx, self.log, &self.range)?;
        Ok(self.range)
    }
}
