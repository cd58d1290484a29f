//! The tiles of the levels above the leaves.

use super::{UNKNOWN, stored};
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_collector_tree::{Hash, TILE_HEIGHT, TILE_WIDTH};
use headgate_collector_types::Log;
use std::collections::BTreeMap;

/// Returns the stored hashes of a tile above the leaves, from left to right; none if there is no such tile.
pub(super) fn read(db: &Db, log: Log, level: u8, tile: u64) -> Result<Vec<Hash>, StoreError> {
    let mut select = db.prepare_cached("SELECT hashes FROM tree_tiles WHERE log = ?1 AND level = ?2 AND tile = ?3")?;
    let row =
        select.query_row(params![log.as_str(), level, stored(tile)], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    Ok(row.map(|bytes| bytes.as_chunks::<32>().0.to_vec()).unwrap_or_default())
}

/// Returns whether the hashes of level 8 over a segment are all stored.
pub(crate) fn has_tiles_of(db: &Db, log: Log, segment: i64) -> Result<bool, StoreError> {
    let segment = u64::try_from(segment).unwrap_or(u64::MAX);
    Ok(of_segment(db, log, segment)?.is_some_and(|hashes| hashes.len() == 64 && !hashes.contains(&UNKNOWN)))
}

/// Returns the stored hashes of level 8 over a segment, which has 64 of them.
pub(super) fn of_segment(db: &Db, log: Log, segment: u64) -> Result<Option<Vec<Hash>>, StoreError> {
    let place = usize::try_from(segment % 4).unwrap_or(0).saturating_mul(64);
    let hashes = read(db, log, 1, segment / 4)?;
    Ok(hashes.get(place..).map(|hashes| hashes.iter().take(64).copied().collect()))
}

/// Returns the level among tiles of a level of the tree, if its hashes are stored in tiles.
pub(super) fn tile_level(level: u8) -> Option<u8> {
    (level >= TILE_HEIGHT && level.is_multiple_of(TILE_HEIGHT)).then_some(level / TILE_HEIGHT)
}

/// Writes hashes into tiles, each level from left to right. One tile a level is in memory.
pub(super) struct TileWriter<'a> {
    tx: &'a Db,
    log: Log,
    /// The tile that is being filled, by level.
    open: BTreeMap<u8, (u64, Vec<Hash>)>,
}

impl<'a> TileWriter<'a> {
    pub(super) const fn new(tx: &'a Db, log: Log) -> Self {
        Self { tx, log, open: BTreeMap::new() }
    }

    /// Writes the hash of a node. Hashes to its left that were not written are unknown.
    pub(super) fn put(&mut self, level: u8, node: u64, hash: Hash) -> Result<(), StoreError> {
        let (tile, place) = (node / TILE_WIDTH, usize::try_from(node % TILE_WIDTH).unwrap_or(0));
        if self.open.get(&level).is_none_or(|(open, _)| *open != tile) {
            let hashes = if place == 0 { Vec::new() } else { read(self.tx, self.log, level, tile)? };
            if let Some((before, hashes)) = self.open.insert(level, (tile, hashes)) {
                self.write(level, before, &hashes)?;
            }
        }
        if let Some((_, hashes)) = self.open.get_mut(&level) {
            hashes.resize(place, UNKNOWN);
            hashes.push(hash);
        }
        Ok(())
    }

    /// Writes the tiles that are not yet complete.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        let open = std::mem::take(&mut self.open);
        open.into_iter().try_for_each(|(level, (tile, hashes))| self.write(level, tile, &hashes))
    }

    fn write(&self, level: u8, tile: u64, hashes: &[Hash]) -> Result<(), StoreError> {
        self.tx
            .prepare_cached(
                "INSERT INTO tree_tiles (log, level, tile, hashes) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (log, level, tile) DO UPDATE SET hashes = excluded.hashes",
            )?
            .execute(params![self.log.as_str(), level, stored(tile), hashes.concat()])?;
        Ok(())
    }
}
