//! Random schedules against a model tree, and what a recovery makes of a tree.

use super::{BundleFault, NodeFault, StoredTree, entry_bundle, grow, position_of, rebuild, tree_state};
use crate::{RetentionCursor, change, delete, open_writer, select_expired};
use headgate_collector_db::{Db, params};
use headgate_collector_tree::{
    CompactRange, Hash, Tile, consistency_proof, inclusion_proof, leaf_hash, range_hash, verify_consistency,
    verify_inclusion,
};
use headgate_collector_types::Log;
use headgate_collector_types::retention::DAY_US;
use std::path::Path;

/// The time of the test, µs.
const NOW: i64 = 1_000 * DAY_US;

/// A log and its tree in memory.
#[derive(Clone, Default)]
struct Model {
    range: CompactRange,
    leaves: Vec<Hash>,
    /// The root of each size.
    roots: Vec<Hash>,
    /// Whether the entry is of a time that retention deletes.
    old: Vec<bool>,
    /// Whether the entry is deleted.
    gone: Vec<bool>,
    /// Whether a hold keeps everything.
    held: bool,
}

impl Model {
    fn root(&self, size: u64) -> Hash {
        self.roots[usize::try_from(size).unwrap()]
    }

    fn size(&self) -> u64 {
        self.range.size()
    }

    /// Appends entries to the log and to the model, in one transaction.
    fn append(&mut self, db: &mut Db, count: u64, old: bool) {
        let first = self.size();
        change(db, |tx| {
            let mut insert = tx.prepare_cached(
                "INSERT INTO audit_entries (position, schema, received_at, bytes, leaf) VALUES (?1, 1, ?2, ?3, ?4)",
            )?;
            let mut insert_index = tx.prepare_cached(
                "INSERT INTO audit (position, id, time, type, actor_id, resource_id, source) VALUES (?1, ?2, 1, 1, 1, 1, 1)",
            )?;
            for index in first..first + count {
                insert_index.execute(params![position_of(index), u128::from(index).to_be_bytes()])?;
                let bytes = index.to_be_bytes().to_vec();
                let leaf = leaf_hash(&bytes);
                let received_at = if old { NOW - 999 * DAY_US } else { NOW };
                insert.execute(params![position_of(index), received_at, bytes, leaf])?;
                self.push(leaf, old);
            }
            let next = position_of(first + count);
            tx.execute("UPDATE log_heads SET next_position = ?1 WHERE log = 'audit'", [next])?;
            grow(tx, Log::Audit, position_of(first), self.leaves[usize::try_from(first).unwrap()..].iter().copied())
        })
        .unwrap();
    }

    fn push(&mut self, leaf: Hash, old: bool) {
        if self.roots.is_empty() {
            self.roots.push(self.range.root());
        }
        self.range.push(leaf, |_, _, _| {});
        self.leaves.push(leaf);
        self.roots.push(self.range.root());
        self.old.push(old);
        self.gone.push(false);
    }

    /// Takes over that retention has run.
    fn expire(&mut self) {
        if !self.held {
            self.gone = self.old.clone();
        }
    }

    /// Places a hold on everything, or releases it. The rows alone: the log of the test has no entries but the model's.
    fn hold(&mut self, db: &Db) {
        let sql = match self.held {
            true => "DELETE FROM holds",
            false => {
                "INSERT INTO holds (id, log, scope, reason, placed_by, placed_at)
                 VALUES ('h', 'audit', '{\"everything\":true}', 'r', 'a', 1)"
            }
        };
        assert_eq!(db.execute(sql, []).unwrap(), 1);
        db.execute("UPDATE retention SET holds = holds + 1", []).unwrap();
        self.held = !self.held;
    }

    /// Verifies that the log has exactly the entries that were not deleted, each in its bundle.
    fn compare(&self, db: &Db, random: &mut Numbers) {
        let left: u64 = db.query_row("SELECT count(*) FROM audit_entries", [], |row| row.get(0)).unwrap();
        assert_eq!(left, self.gone.iter().filter(|gone| !**gone).count() as u64);
        let index = random.below(self.size().div_ceil(256));
        let tile = Tile { level: 0, index, width: (self.size() - index * 256).min(256) };
        let range = usize::try_from(index * 256).unwrap()..usize::try_from(index * 256 + tile.width).unwrap();
        let entries = range.clone().flat_map(|index| [&[0, 8][..], &index.to_be_bytes()].concat());
        match entry_bundle(db, Log::Audit, tile).unwrap() {
            Ok(bundle) => assert_eq!(bundle, entries.collect::<Vec<_>>()),
            Err(BundleFault::Deleted(runs)) => {
                let of_runs: Vec<_> = runs.iter().flat_map(|(first, last)| *first..=*last).collect();
                let gone = range.filter(|index| self.gone[*index]).map(|index| position_of(index as u64));
                assert_eq!(of_runs, gone.collect::<Vec<_>>());
            }
            fault => panic!("{index}: {fault:?}"),
        }
    }
}

/// Deletes everything that is past its time.
fn expire(db: &mut Db) {
    let mut cursor = RetentionCursor::default();
    while let Some(selection) = select_expired(db, Log::Audit, cursor, NOW).unwrap() {
        cursor = selection.cursor;
        change(db, |tx| delete(tx, &selection)).unwrap().unwrap();
    }
}

fn assert_root(db: &Db, model: &Model) {
    let state = tree_state(db, Log::Audit).unwrap().unwrap();
    assert_eq!((state.size, state.root), (model.size(), model.range.root()));
}

struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }
}

/// Proves random entries and beginnings. Returns how many could be proven.
fn prove(db: &Db, model: &Model, random: &mut Numbers) -> u64 {
    let mut tree = StoredTree::open(db, Log::Audit).unwrap().unwrap();
    let mut proven = 0;
    for _ in 0..20 {
        let size = 1 + random.below(model.size());
        let index = random.below(size);
        let place = usize::try_from(index).unwrap();
        match inclusion_proof(&mut tree, index, model.size()) {
            Ok(path) => {
                verify_inclusion(index, model.size(), &model.leaves[place], &path, &model.range.root()).unwrap();
                proven += 1;
            }
            fault => assert!(model.old[place] && is_deleted(&fault), "{index}: {fault:?}"),
        }
        match consistency_proof(&mut tree, size, model.size()) {
            Ok(proof) => {
                let (old, new) = ((size, &model.root(size)), (model.size(), &model.range.root()));
                verify_consistency(old, new, &proof).unwrap();
                assert_eq!(range_hash(&mut tree, 0, size), Ok(model.root(size)));
                proven += 1;
            }
            fault => assert!(!size.is_multiple_of(256) && is_deleted(&fault), "{size}: {fault:?}"),
        }
    }
    proven
}

fn is_deleted(fault: &Result<Vec<Hash>, NodeFault>) -> bool {
    matches!(fault, Err(NodeFault::Missing { deleted: true, .. }))
}

#[test]
fn a_tree_stays_the_one_of_its_log_through_appends_deletions_holds_restarts_and_restores() {
    let folder = tempfile::tempdir().unwrap();
    let mut db = open_writer(folder.path()).unwrap();
    let (mut model, mut random, mut proven, mut taken) = (Model::default(), Numbers(7), 0, [0; 12]);
    let mut copy: Option<Model> = None;
    while model.size() < 100_000 || taken.iter().any(|count| *count < 2) {
        let step = random.below(12);
        taken[usize::try_from(step).unwrap()] += 1;
        match step {
            0 => {
                expire(&mut db);
                model.expire();
            }
            1 => {
                drop(db);
                db = open_writer(folder.path()).unwrap();
            }
            10 => model.hold(&db),
            // A copy of the file, and the log as it was then, some time later.
            11 => {
                drop(db);
                let (file, older) = (folder.path().join("headgate.db"), folder.path().join("older"));
                match copy.take() {
                    None => {
                        std::fs::copy(&file, &older).unwrap();
                        copy = Some(model.clone());
                    }
                    Some(then) => {
                        for journal in ["headgate.db-wal", "headgate.db-shm"] {
                            let _ = std::fs::remove_file(folder.path().join(journal));
                        }
                        std::fs::copy(&older, &file).unwrap();
                        model = then;
                    }
                }
                db = open_writer(folder.path()).unwrap();
            }
            // Long runs of old entries, so that whole segments go, with islands of entries that stay.
            2..=4 => model.append(&mut db, 1 + random.below(24_000), true),
            5 => model.append(&mut db, 1 + random.below(3), false),
            6 => model.append(&mut db, 1 + random.below(600), false),
            _ => model.append(&mut db, 1 + random.below(40), random.below(2) == 0),
        }
        assert_root(&db, &model);
        if model.size() > 0 {
            model.compare(&db, &mut random);
            proven += prove(&db, &model, &mut random);
        }
    }
    if model.held {
        model.hold(&db);
    }
    expire(&mut db);
    model.expire();
    model.compare(&db, &mut random);
    let gone: i64 = db.query_row("SELECT count(*) FROM gone_segments", [], |row| row.get(0)).unwrap();
    assert!(gone > 0, "whole segments are gone");
    prove(&db, &model, &mut random);
    let mut tree = StoredTree::open(&db, Log::Audit).unwrap().unwrap();
    for (place, old) in model.old.iter().enumerate().filter(|(_, old)| !**old) {
        let index = u64::try_from(place).unwrap();
        let path = inclusion_proof(&mut tree, index, model.size()).unwrap();
        verify_inclusion(index, model.size(), &model.leaves[place], &path, &model.range.root()).unwrap();
        assert!(!old);
    }
    assert!(proven > 500, "{proven}");
    change(&mut db, rebuild).unwrap();
    assert_root(&db, &model);
    prove(&db, &model, &mut random);
}

/// Returns a database with this many entries, and its model.
fn with_entries(folder: &Path, count: u64) -> (Db, Model) {
    let mut db = open_writer(folder).unwrap();
    let mut model = Model::default();
    model.append(&mut db, count, false);
    (db, model)
}

fn lose(db: &Db, first: u64, last: u64) {
    let places = [position_of(first), position_of(last)];
    db.execute("DELETE FROM audit_entries WHERE position BETWEEN ?1 AND ?2", places).unwrap();
}

#[test]
fn a_tree_goes_on_over_lost_leaves_whose_heads_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let (mut db, mut model) = with_entries(folder.path(), 700);
    lose(&db, 10, 300);
    lose(&db, 520, 550);
    for _ in 0..2 {
        change(&mut db, rebuild).unwrap();
        assert_root(&db, &model);
        model.append(&mut db, 300, false);
        assert_root(&db, &model);
    }
    let mut tree = StoredTree::open(&db, Log::Audit).unwrap().unwrap();
    for (index, is_known) in [(400, false), (599, false), (650, true), (5, false), (999, true)] {
        let path = inclusion_proof(&mut tree, index, model.size());
        assert_eq!(path.is_ok(), is_known, "{index}");
        assert_eq!(matches!(path, Err(NodeFault::Missing { deleted: false, .. })), !is_known);
    }
}

#[test]
fn a_lost_leaf_of_which_nothing_is_known_is_the_one_of_an_empty_entry() {
    let folder = tempfile::tempdir().unwrap();
    let (mut db, model) = with_entries(folder.path(), 700);
    lose(&db, 600, 602);
    db.execute("DELETE FROM trees", []).unwrap();
    change(&mut db, rebuild).unwrap();
    let mut other = CompactRange::default();
    for (place, leaf) in model.leaves.iter().enumerate() {
        other.push(if (600..=602).contains(&place) { leaf_hash(b"") } else { *leaf }, |_, _, _| {});
    }
    let state = tree_state(&db, Log::Audit).unwrap().unwrap();
    assert_eq!((state.size, state.root), (700, other.root()));
    let mut tree = StoredTree::open(&db, Log::Audit).unwrap().unwrap();
    let path = inclusion_proof(&mut tree, 601, 700).unwrap();
    verify_inclusion(601, 700, &leaf_hash(b""), &path, &other.root()).unwrap();
}

#[test]
fn entries_that_were_stored_without_the_tree_are_caught_up() {
    let folder = tempfile::tempdir().unwrap();
    let (mut db, mut model) = with_entries(folder.path(), 300);
    db.execute("UPDATE trees SET size = 0, heads = x'' WHERE log = 'audit'", []).unwrap();
    db.execute("DELETE FROM tree_tiles", []).unwrap();
    model.append(&mut db, 5, false);
    assert_root(&db, &model);
}

#[test]
fn a_damaged_tree_holds_up_no_entry() {
    let folder = tempfile::tempdir().unwrap();
    let (mut db, mut model) = with_entries(folder.path(), 300);
    db.execute("UPDATE trees SET heads = x'00' WHERE log = 'audit'", []).unwrap();
    model.append(&mut db, 5, false);
    assert_eq!(tree_state(&db, Log::Audit).unwrap(), None);
    for fault in ["heads = x'00'", "size = 1000, heads = zeroblob(192)"] {
        db.execute(&format!("UPDATE trees SET {fault} WHERE log = 'audit'"), []).unwrap();
        drop(db);
        db = open_writer(folder.path()).unwrap();
        assert_root(&db, &model);
    }
}

#[test]
fn an_older_database_gets_its_trees_also_over_segments_that_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (mut db, mut model) = with_entries(folder.path(), 0);
    model.append(&mut db, 16_384, true);
    model.append(&mut db, 100, false);
    expire(&mut db);
    // The tables of version 23.
    db.execute_batch(
        "DROP TABLE trees; DROP TABLE tree_tiles; DROP TABLE tree_nodes; DROP TABLE log_key;
         DROP TABLE checkpoints; DROP TABLE tree_forks; DROP TABLE tree_in_audit;
         DROP TABLE forwarders; DROP TABLE forwarder_logs; DROP TABLE dead_letters;
         DROP TABLE packets; DROP TABLE packet_key;
         DROP TABLE cosignatures; DROP TABLE tree_rollbacks; DROP TABLE former_log_keys; DROP TABLE former_checkpoints;
         DROP TABLE collector_runs; DROP TABLE anchored",
    )
    .unwrap();
    db.set_schema_version(23).unwrap();
    db.set_application_mark(0x4867_0000 + 23).unwrap();
    drop(db);
    let mut db = open_writer(folder.path()).unwrap();
    assert_root(&db, &model);
    model.append(&mut db, 33_000, false);
    assert_root(&db, &model);
    let mut tree = StoredTree::open(&db, Log::Audit).unwrap().unwrap();
    let path = inclusion_proof(&mut tree, 16_400, model.size()).unwrap();
    verify_inclusion(16_400, model.size(), &model.leaves[16_400], &path, &model.range.root()).unwrap();
    let fault = consistency_proof(&mut tree, 256, model.size());
    assert!(is_deleted(&fault), "the older version has not kept the hashes of level 8: {fault:?}");
}
