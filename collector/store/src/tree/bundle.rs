//! Entry bundles, as C2SP's tlog-tiles names them: the bytes of up to 256 entries, each after its length.

use super::{deleted_ranges, position_of};
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
    let (first, end) = (position_of(first), position_of(end));
    let mut entries = stored(db, log, (first, end))?;
    let (mut bundle, mut deleted, mut damaged) = (Vec::new(), Runs::default(), Runs::default());
    let gone = deleted_ranges(db, log, first, end)?;
    let is_gone = |position| gone.iter().any(|(first, last)| (*first..=*last).contains(&position));
    for position in first..end {
        match entries.remove(&position) {
            Some(StoredEntry::Intact(bytes)) => {
                let Ok(length) = u16::try_from(bytes.len()) else { return Ok(Err(BundleFault::TooLong(position))) };
                bundle.extend_from_slice(&length.to_be_bytes());
                bundle.extend_from_slice(&bytes);
            }
            Some(StoredEntry::Damaged(_)) => damaged.add(position),
            None if is_gone(position) => deleted.add(position),
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

/// Positions in ascending order, as runs.
#[derive(Default)]
struct Runs(Vec<Run>);

impl Runs {
    fn add(&mut self, position: i64) {
        match self.0.last_mut() {
            Some((_, last)) if position == last.saturating_add(1) => *last = position,
            _ => self.0.push((position, position)),
        }
    }
}
