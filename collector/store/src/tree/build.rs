//! Builds a tree from the stored leaves: at an upgrade, after a recovery, and where entries were stored without it.

use super::growth::Growth;
use super::{UNKNOWN, index_of, leaves, state, stored, tiles};
use headgate_collector_columns::SEGMENT;
use headgate_collector_db::{Db, StoreError, params};
use headgate_collector_tree::{CompactRange, Hash, TILE_HEIGHT, TILE_WIDTH, leaf_hash};
use headgate_collector_types::Log;
use std::collections::BTreeMap;

/// The leaves of a segment.
const SEGMENT_WIDTH: u64 = SEGMENT.unsigned_abs();
/// The level of its head.
const SEGMENT_LEVEL: u8 = 14;

/// Builds both trees in a database that has none.
pub(crate) fn build_all(tx: &Db) -> Result<(), StoreError> {
    for log in Log::ALL {
        insert_empty(tx, log)?;
        catch_up(tx, log, CompactRange::default(), end(tx, log)?)?;
    }
    Ok(())
}

/// Builds both trees anew after a recovery, from the leaves that are left and from what the old tables know of the others.
///
/// # Errors
/// The store cannot be written.
pub fn rebuild(tx: &Db) -> Result<(), StoreError> {
    Log::ALL.into_iter().try_for_each(|log| rebuild_log(tx, log))
}

fn rebuild_log(tx: &Db, log: Log) -> Result<(), StoreError> {
    let known = Known::of(tx, log)?;
    tx.execute("DELETE FROM trees WHERE log = ?1", [log.as_str()])?;
    insert_empty(tx, log)?;
    let mut build = Build { growth: Growth::new(tx, log, CompactRange::default()), tx, log, known };
    build.to(end(tx, log)?)?;
    build.growth.finish().map(drop)
}

/// Brings the trees in line with their logs when a writer opens the store: one that is damaged or ahead is built anew, and one
/// that is behind catches up.
pub(crate) fn align(db: &mut Db) -> Result<(), StoreError> {
    if Log::ALL
        .into_iter()
        .map(|log| is_aligned(db, log))
        .collect::<Result<Vec<_>, _>>()?
        .iter()
        .all(|aligned| *aligned)
    {
        return Ok(());
    }
    let tx = db.transaction()?;
    for log in Log::ALL {
        match state::load(&tx, log)? {
            Some(range) if range.size() <= end(&tx, log)? => drop(catch_up(&tx, log, range, end(&tx, log)?)?),
            _ => {
                tracing::warn!("the tree of the {} log was damaged; it is built anew from its entries", log.as_str());
                rebuild_log(&tx, log)?;
            }
        }
    }
    Ok(tx.commit()?)
}

fn is_aligned(db: &Db, log: Log) -> Result<bool, StoreError> {
    let end = end(db, log)?;
    Ok(state::load(db, log)?.is_some_and(|range| range.size() == end))
}

fn insert_empty(tx: &Db, log: Log) -> Result<(), StoreError> {
    tx.execute("INSERT INTO trees (log, size, heads) VALUES (?1, 0, ?2)", params![log.as_str(), Vec::<u8>::new()])?;
    Ok(())
}

/// Brings both trees to the ends of their logs, where positions were given up or entries were stored without the tree.
///
/// # Errors
/// The store cannot be written.
pub fn catch_up_all(tx: &Db) -> Result<(), StoreError> {
    for log in Log::ALL {
        if let Some(range) = state::load(tx, log)? {
            catch_up(tx, log, range, end(tx, log)?)?;
        }
    }
    Ok(())
}

/// Appends the leaves up to before index `end` to a tree, and returns it.
pub(crate) fn catch_up(tx: &Db, log: Log, range: CompactRange, end: u64) -> Result<CompactRange, StoreError> {
    let mut build = Build { growth: Growth::new(tx, log, range), tx, log, known: Known::default() };
    build.to(end)?;
    build.growth.finish()
}

/// Returns the index of the next entry.
fn end(db: &Db, log: Log) -> Result<u64, StoreError> {
    let mut select = db.prepare_cached("SELECT next_position FROM log_heads WHERE log = ?1")?;
    Ok(index_of(select.query_row([log.as_str()], |row| row.get(0))?))
}

/// Known heads of subtrees below level 8, by their first leaf: level and head.
#[derive(Default)]
struct Known(BTreeMap<u64, (u8, Hash)>);

impl Known {
    fn of(tx: &Db, log: Log) -> Result<Self, StoreError> {
        let mut known = Self::default();
        if let Some(range) = state::load(tx, log)? {
            let mut end = range.size();
            for head in range.heads().iter().rev() {
                let level = u8::try_from(end.trailing_zeros()).unwrap_or(u8::MAX);
                end &= end.wrapping_sub(1);
                if level < TILE_HEIGHT {
                    known.0.insert(end, (level, *head));
                }
            }
        }
        let mut select = tx.prepare_cached("SELECT level, node, hash FROM tree_nodes WHERE log = ?1 AND level < 8")?;
        let rows =
            select.query_map([log.as_str()], |row| Ok((row.get::<_, u8>(0)?, row.get::<_, u64>(1)?, row.get(2)?)))?;
        for row in rows {
            let (level, node, hash): (u8, u64, Hash) = row?;
            known.0.insert(node << level, (level, hash));
        }
        Ok(known)
    }
}

/// A tree that is being built.
struct Build<'a> {
    tx: &'a Db,
    log: Log,
    growth: Growth<'a>,
    known: Known,
}

impl Build<'_> {
    fn to(&mut self, end: u64) -> Result<(), StoreError> {
        while self.growth.size() < end {
            let first = self.growth.size();
            let segment = first / SEGMENT_WIDTH;
            let until = segment.saturating_add(1).saturating_mul(SEGMENT_WIDTH).min(end);
            self.segment(segment, first, until)?;
        }
        Ok(())
    }

    /// Appends leaves of one segment.
    fn segment(&mut self, segment: u64, first: u64, end: u64) -> Result<(), StoreError> {
        let is_whole = end - first == SEGMENT_WIDTH;
        let leaves = leaves::read(self.tx, self.log, first, end)?;
        let old = tiles::of_segment(self.tx, self.log, segment)?.unwrap_or_default();
        if is_whole
            && let Some(head) = leaves::segment_head(self.tx, self.log, segment)?
            && !(old.len() == 64 && old.iter().all(|hash| *hash != UNKNOWN))
        {
            return self.growth.push(SEGMENT_LEVEL, head);
        }
        let mut at = first;
        let mut rest = leaves.as_slice();
        while at < end {
            let width = (TILE_WIDTH - at % TILE_WIDTH).min(end - at);
            let (group, after) = rest.split_at(usize::try_from(width).unwrap_or(0).min(rest.len()));
            let place = usize::try_from(at / TILE_WIDTH % 64).unwrap_or(0);
            self.group(at, group, old.get(place).filter(|hash| **hash != UNKNOWN))?;
            (at, rest) = (at.saturating_add(width), after);
        }
        Ok(())
    }

    /// Appends the leaves of one tile. `old` is the hash over all of them, if it is known.
    fn group(&mut self, first: u64, leaves: &[Option<Hash>], old: Option<&Hash>) -> Result<(), StoreError> {
        if leaves.iter().all(Option::is_some) {
            return leaves.iter().flatten().try_for_each(|leaf| self.growth.push(0, *leaf));
        }
        let is_whole = leaves.len() == 256;
        if let (true, Some(old)) = (is_whole, old) {
            return self.growth.push(TILE_HEIGHT, *old);
        }
        // Nobody asks for a node over leaves of which none is known.
        let keep = !is_whole || leaves.iter().any(Option::is_some);
        let mut at = first;
        let mut rest = leaves;
        while let [leaf, after @ ..] = rest {
            let known = self.known.0.get(&at).copied();
            let fits = known.and_then(|(level, head)| Some((level, head, rest.split_at_checked(1 << level)?)));
            (at, rest) = match (leaf, fits) {
                (_, Some((level, head, (over, after)))) if over.iter().any(Option::is_none) => {
                    self.push(at, level, head, keep)?;
                    (at.saturating_add(1 << level), after)
                }
                (Some(leaf), _) => {
                    self.growth.push(0, *leaf)?;
                    (at.saturating_add(1), after)
                }
                (None, _) => {
                    self.push(at, 0, leaf_hash(b""), keep)?;
                    (at.saturating_add(1), after)
                }
            };
        }
        Ok(())
    }

    /// Appends a node over leaves that are not known.
    fn push(&mut self, at: u64, level: u8, head: Hash, keep: bool) -> Result<(), StoreError> {
        if keep {
            self.tx
                .prepare_cached(
                    "INSERT INTO tree_nodes (log, level, node, hash) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (log, level, node) DO UPDATE SET hash = excluded.hash",
                )?
                .execute(params![self.log.as_str(), level, stored(at >> level), head])?;
        }
        self.growth.push(level, head)
    }
}
