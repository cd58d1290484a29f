//! A walk over one log, entry by entry, that grows the tree anew.

use super::checkpoints::SignedStates;
use super::commitment::Commitment;
use headgate_collector_db::{Db, StoreError, ValueRef};
use headgate_collector_store::tree::{KnownHashes, index_of, position_of, tree_state};
use headgate_collector_tree::{Check, CompactRange, Hash, TILE_HEIGHT, TILE_WIDTH, Verdict, leaf_hash};
use headgate_collector_types::{LeafHash, Log};

/// The most commitments of the audit log to the request tree that are kept in memory.
const MAX_COMMITMENTS: usize = 1_000_000;

/// A walk over one log.
pub(super) struct LogWalk<'a> {
    db: &'a Db,
    log: Log,
    states: SignedStates<'a>,
    range: CompactRange,
    commitments: Vec<Commitment>,
    checked: u64,
    altered: u64,
    /// Runs of entries that are neither there nor deleted: positions, both ends included.
    lost: Vec<(i64, i64)>,
    /// Nodes of the stored tree that differ from the entries.
    differing: Vec<(u8, u64, Hash)>,
}

impl<'a> LogWalk<'a> {
    pub(super) fn new(db: &'a Db, log: Log, states: SignedStates<'a>) -> Self {
        Self {
            db,
            log,
            states,
            range: CompactRange::default(),
            commitments: Vec::new(),
            checked: 0,
            altered: 0,
            lost: Vec::new(),
            differing: Vec::new(),
        }
    }

    /// Walks to the end of the log, adds the results, and returns the states of the request tree that its entries note.
    pub(super) fn run(mut self, verdict: &mut Verdict) -> Result<Vec<Commitment>, StoreError> {
        let sql = "SELECT next_position FROM log_heads WHERE log = ?1";
        let end = index_of(self.db.query_row(sql, [self.log.as_str()], |row| row.get(0))?);
        let mut known = KnownHashes::new(self.db, self.log);
        while self.range.size() < end {
            let first = self.range.size();
            let group_end = first.saturating_add(TILE_WIDTH).min(end);
            self.group(&mut known, first, group_end, verdict)?;
        }
        self.report(end, verdict)?;
        Ok(self.commitments)
    }

    /// Walks over the leaves of one tile.
    fn group(
        &mut self,
        known: &mut KnownHashes<'_>,
        first: u64,
        end: u64,
        verdict: &mut Verdict,
    ) -> Result<(), StoreError> {
        let mut leaves = known.of_deleted(first, end)?;
        let is_deleted: Vec<bool> = leaves.iter().map(Option::is_some).collect();
        self.entries(first, end, &mut leaves, verdict)?;
        let is_whole = end - first == TILE_WIDTH;
        let tile = if is_whole { known.tile(1, first / TILE_WIDTH)? } else { None };
        if leaves.iter().all(Option::is_some) {
            return self.push_leaves(known, &leaves);
        }
        if let Some(head) = known.whole_segment(first)? {
            return self.push_node(known, head.0, head.1);
        }
        let unknown =
            leaves.iter().zip(&is_deleted).zip(first..).filter(|((leaf, deleted), _)| leaf.is_none() && !**deleted);
        if !known.is_gone(first)? {
            for (_, index) in unknown {
                let position = position_of(index);
                match self.lost.last_mut() {
                    Some((_, last)) if last.saturating_add(1) == position => *last = position,
                    _ => self.lost.push((position, position)),
                }
            }
        }
        if let Some(tile) = tile {
            return self.push_node(known, TILE_HEIGHT, tile);
        }
        let mut at = first;
        while at < end {
            let place = usize::try_from(at - first).unwrap_or(0);
            let (level, head) = match known.node_at(at)? {
                Some(node) => node,
                None => (0, leaves.get(place).copied().flatten().unwrap_or_else(|| leaf_hash(b""))),
            };
            self.push_node(known, level, head)?;
            at = self.range.size();
        }
        Ok(())
    }

    /// Reads the entries of one tile into `leaves`.
    fn entries(
        &mut self,
        first: u64,
        end: u64,
        leaves: &mut [Option<Hash>],
        verdict: &mut Verdict,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT position, bytes, leaf FROM {} WHERE position >= ?1 AND position < ?2 ORDER BY position",
            self.log.table()
        );
        let mut select = self.db.prepare_cached(&sql)?;
        let mut rows = select.query([position_of(first), position_of(end)])?;
        while let Some(row) = rows.next()? {
            let position: i64 = row.get(0)?;
            let bytes = row.get_ref(1).and_then(ValueRef::as_blob).unwrap_or_default();
            let stored: Option<LeafHash> =
                row.get_ref(2).and_then(ValueRef::as_blob).ok().and_then(|hash| hash.try_into().ok());
            let computed = leaf_hash(bytes);
            self.checked = self.checked.saturating_add(1);
            if stored != Some(computed) {
                self.altered = self.altered.saturating_add(1);
                let text = "its bytes do not have its hash: it is not what was stored";
                verdict.add(Check::contradicted(format!("{} {position}", self.log.as_str()), text));
            }
            if self.log == Log::Audit && self.commitments.len() < MAX_COMMITMENTS {
                self.commitments.extend(Commitment::of_entry(bytes));
            }
            let place = index_of(position).checked_sub(first).and_then(|place| usize::try_from(place).ok());
            if let Some(leaf) = place.and_then(|place| leaves.get_mut(place)) {
                // What is damaged on disk is told once, and the tree over the rest is still compared.
                *leaf = Some(stored.unwrap_or(computed));
            }
        }
        Ok(())
    }

    fn push_leaves(&mut self, known: &mut KnownHashes<'_>, leaves: &[Option<Hash>]) -> Result<(), StoreError> {
        leaves.iter().flatten().try_for_each(|leaf| self.push_node(known, 0, *leaf))
    }

    fn push_node(&mut self, known: &mut KnownHashes<'_>, level: u8, head: Hash) -> Result<(), StoreError> {
        let mut complete = Vec::new();
        let pushed = self.range.push_subtree(level, head, |level, node, hash| {
            if level >= TILE_HEIGHT && level.is_multiple_of(TILE_HEIGHT) {
                complete.push((level, node, *hash));
            }
        });
        if !pushed {
            return Err(StoreError::Damaged);
        }
        for (level, node, hash) in complete {
            if known.tile(level / TILE_HEIGHT, node)? != Some(hash) && !known.is_unknown(level / TILE_HEIGHT, node)? {
                self.differing.push((level, node, hash));
            }
        }
        self.states.compare(&self.range)
    }

    fn report(&mut self, end: u64, verdict: &mut Verdict) -> Result<(), StoreError> {
        let log = self.log.as_str();
        if self.altered == 0 {
            verdict.add(Check::holds(log, format!("{} entries have their hashes", self.checked)));
        }
        for (first, last) in &self.lost {
            let of = if first == last { format!("{log} {first}") } else { format!("{log} {first}-{last}") };
            verdict.add(Check::unknown(of, "lost: there is neither an entry nor its deletion"));
        }
        for (level, node, _) in &self.differing {
            let (first, last) =
                (position_of(node << level), position_of((node.saturating_add(1) << level).saturating_sub(1)));
            let text = "these entries are not those that the tree was grown from";
            verdict.add(Check::contradicted(format!("{log} {first}-{last}"), text));
        }
        let of = format!("{log} tree");
        match tree_state(self.db, self.log)? {
            None => verdict
                .add(Check::unknown(of, "its stored state is damaged; a restart of the collector builds it anew")),
            Some(state) if state.size != end => {
                verdict
                    .add(Check::contradicted(of, format!("it has {} leaves, and the log {end} entries", state.size)));
            }
            Some(state) if state.root != self.range.root() => {
                verdict.add(Check::contradicted(of, "the root is not that of the entries"));
            }
            Some(_) => verdict.add(Check::holds(of, format!("{end} leaves; the root is that of the entries"))),
        }
        self.states.report(verdict)
    }
}
