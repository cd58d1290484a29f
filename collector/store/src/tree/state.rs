//! The size of a tree and the heads of its largest complete subtrees.

use super::stored;
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_collector_tree::{CompactRange, Hash};
use headgate_collector_types::Log;

/// The tree of a log, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeState {
    /// The number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Returns the tree of a log; `None` if what is stored of it is damaged.
///
/// # Errors
/// The store cannot be read.
pub fn tree_state(db: &Db, log: Log) -> Result<Option<TreeState>, StoreError> {
    Ok(load(db, log)?.map(|range| TreeState { size: range.size(), root: range.root() }))
}

/// Returns the compact range of a tree; `None` if it is missing or damaged.
pub(super) fn load(db: &Db, log: Log) -> Result<Option<CompactRange>, StoreError> {
    let mut select = db.prepare_cached("SELECT size, heads FROM trees WHERE log = ?1")?;
    let row = select.query_row([log.as_str()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)));
    let Some((size, heads)) = row.optional()? else { return Ok(None) };
    let (heads, rest) = heads.as_chunks::<32>();
    Ok(u64::try_from(size).ok().filter(|_| rest.is_empty()).and_then(|size| CompactRange::new(size, heads.to_vec())))
}

/// Stores the compact range of a tree.
pub(super) fn save(tx: &Db, log: Log, range: &CompactRange) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE trees SET size = ?2, heads = ?3 WHERE log = ?1")?.execute(params![
        log.as_str(),
        stored(range.size()),
        range.heads().concat()
    ])?;
    Ok(())
}
