//! Tiles: the tree in pieces of 256 hashes, as C2SP's tlog-tiles names them.

use crate::{Error, Result};

/// The levels of the tree between two levels of tiles.
pub const TILE_HEIGHT: u8 = 8;

/// The number of hashes in a complete tile.
pub const TILE_WIDTH: u64 = 256;

/// A tile: the hashes `index * 256` and on of level `level * 8` of the tree, from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// The level among tiles, from 0.
    pub level: u8,
    /// The place within the level, from 0.
    pub index: u64,
    /// The number of hashes, from 1 to 256.
    pub width: u64,
}

impl Tile {
    /// Returns the level of its hashes in the tree.
    #[must_use]
    pub const fn tree_level(&self) -> u8 {
        self.level.saturating_mul(TILE_HEIGHT)
    }

    /// Returns the number of leaves that a tree needs to have this tile.
    #[must_use]
    pub fn least_size(&self) -> Option<u64> {
        let hashes = self.index.checked_mul(TILE_WIDTH)?.checked_add(self.width)?;
        let leaves = 1_u64.checked_shl(self.tree_level().into())?;
        hashes.checked_mul(leaves)
    }

    /// Returns the path of the tile below the address of its log: `tile/0/x001/x234/067.p/5`.
    #[must_use]
    pub fn path(&self) -> String {
        let mut index = format!("{:03}", self.index % 1_000);
        let mut rest = self.index / 1_000;
        while rest > 0 {
            index = format!("x{:03}/{index}", rest % 1_000);
            rest /= 1_000;
        }
        let partial = if self.width < TILE_WIDTH { format!(".p/{}", self.width) } else { String::new() };
        format!("tile/{}/{index}{partial}", self.level)
    }

    /// Returns the tile with this path.
    ///
    /// # Errors
    /// The text is not the path of a tile, or not in its only form.
    pub fn from_path(path: &str) -> Result<Self> {
        Self::read(path).filter(|tile| tile.path() == path).ok_or(Error::Malformed("this is not the path of a tile"))
    }

    fn read(path: &str) -> Option<Self> {
        let (level, index) = path.strip_prefix("tile/")?.split_once('/')?;
        let (index, width) = match index.split_once(".p/") {
            Some((index, width)) => (index, width.parse().ok().filter(|width| (1..TILE_WIDTH).contains(width))?),
            None => (index, TILE_WIDTH),
        };
        let number = index.split('/').try_fold(0_u64, |number, part| {
            let digits = part.strip_prefix('x').unwrap_or(part);
            number.checked_mul(1_000)?.checked_add(digits.parse::<u64>().ok().filter(|part| *part < 1_000)?)
        })?;
        let level = level.parse::<u8>().ok().filter(|level| *level < 64)?;
        Some(Self { level, index: number, width })
    }
}

#[cfg(test)]
mod tests {
    use super::Tile;

    #[test]
    fn a_path_is_the_one_of_the_standard() {
        let paths = [
            ("tile/0/000", Tile { level: 0, index: 0, width: 256 }),
            ("tile/0/x001/x234/067", Tile { level: 0, index: 1_234_067, width: 256 }),
            ("tile/1/x001/000.p/5", Tile { level: 1, index: 1_000, width: 5 }),
            ("tile/63/999.p/255", Tile { level: 63, index: 999, width: 255 }),
        ];
        for (path, tile) in paths {
            assert_eq!(tile.path(), path);
            assert_eq!(Tile::from_path(path).unwrap(), tile, "{path}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let others = [
            "",
            "tile/0",
            "tile/0/0",
            "tile/00/000",
            "tile/64/000",
            "tile/0/001/000",
            "tile/0/x000/000",
            "tile/0/x001/x000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/05",
            "tile/0/+01",
            "tile/0/1000",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "tile/entries/000",
        ];
        for path in others {
            assert!(Tile::from_path(path).is_err(), "{path}");
        }
    }
}
