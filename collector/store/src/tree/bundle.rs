//! Entry bundles, as C2SP's tlog-tiles names them: the bytes of up to 256 entries, each after its length.

use super::leaves::of_deleted;
use super::{index_of, position_of, segment_is_gone};
use crate::leaf_hash::verify;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_tree::{TILE_WIDTH, Tile};
use headgate_collector_types::{Log, StoredEntry};
use std::collections::BTreeMap;

/// First and last position of a run.
pub type Run = (i64, i64);

/// The reason why there is no bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BundleFault {
    /// Entries at these positions are deleted.
    Deleted(Vec<Run>),
    /// Entries at these positions are lost or altered.
    Damaged(Vec<Run>),
    /// The entry at this position is longer than the form of a bundle allows, 65,535 bytes.
    TooLong(i64),
}

/// Returns the bundle with the entries of a tile of leaves, which the log must already have.
///
/// # Errors
/// The store cannot be read.
pub fn entry_bundle(db: &Db, log: Log, tile: Tile) -> Result<Result<Vec<u8>, BundleFault>, StoreError> {
    let first = tile.index.saturating_mul(TILE_WIDTH);
    let end = first.saturating_add(tile.width);
    let mut entries = stored(db, log, (position_of(first), position_of(end)))?;
    let (mut bundle, mut deleted, mut damaged) = (Vec::new(), Runs::default(), Runs::default());
    let gone = Gone::read(db, log, first, end)?;
    for position in position_of(first)..position_of(end) {
        match entries.remove(&position) {
            Some(StoredEntry::Intact(bytes)) => {
                let Ok(length) = u16::try_from(bytes.len()) else { return Ok(Err(BundleFault::TooLong(position))) };
                bundle.extend_from_slice(&length.to_be_bytes());
                bundle.extend_from_slice(&bytes);
            }
            Some(StoredEntry::Damaged(_)) => damaged.add(position),
            None if gone.has(position) => deleted.add(position),
            None => damaged.add(position),
        }
    }
    Ok(match (damaged.0.is_empty(), deleted.0.is_empty()) {
        (false, _) => Err(BundleFault::Damaged(damaged.0)),
        (true, false) => Err(BundleFault::Deleted(deleted.0)),
        (true, true) => Ok(bundle),
    })
}

/// Returns the stored entries from one position to before another.
fn stored(db: &Db, log: Log, (first, end): Run) -> Result<BTreeMap<i64, StoredEntry>, StoreError> {
    let sql = format!("SELECT position, bytes, leaf FROM {} WHERE position >= ?1 AND position < ?2", log.table());
    let mut select = db.prepare_cached(&sql)?;
    let rows = select.query_map([first, end], |row| {
        let position = row.get(0)?;
        Ok((position, verify(position, row, 1, 2)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The positions that retention has deleted.
struct Gone {
    whole: bool,
    runs: Vec<Run>,
}

impl Gone {
    fn read(db: &Db, log: Log, first: u64, end: u64) -> Result<Self, StoreError> {
        let runs = of_deleted(db, log, first, end)?;
        let length = |leaves: Vec<u8>| i64::try_from(leaves.len() / 32).unwrap_or(i64::MAX);
        let runs =
            runs.into_iter().map(|(first, leaves)| (first, first.saturating_add(length(leaves)).saturating_sub(1)));
        Ok(Self { whole: segment_is_gone(db, log, position_of(first))?, runs: runs.collect() })
    }

    fn has(&self, position: i64) -> bool {
        self.whole || self.runs.iter().any(|(first, last)| (*first..=*last).contains(&position))
    }
}

/// Positions in ascending order, as runs.
#[derive(Default)]
struct Runs(Vec<Run>);

impl Runs {
    fn add(&mut self, position: i64) {
        match self.0.last_mut() {
            Some((_, last)) if index_of(position) == index_of(*last).saturating_add(1) => *last = position,
            _ => self.0.push((position, position)),
        }
    }
}
