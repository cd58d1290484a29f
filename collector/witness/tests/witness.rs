//! A witness against logs that grow, repeat themselves, and fork.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test may panic"
)]

use headgate_collector_tree::{
    AddCheckpoint, Checkpoint, CosigningKey, Hash, NodeSource, Note, NoteSignature, SigningKey, consistency_proof,
    leaf_hash, node_hash, note_with_signatures, range_hash,
};
use headgate_collector_witness::{Memory, Reply, Witness};
use std::path::Path;

const NAME: &str = "logs.example.com/headgate/audit";

fn log_key() -> SigningKey {
    SigningKey::new(NAME, &[1; 32]).unwrap()
}

fn witness_key() -> CosigningKey {
    CosigningKey::new("audit.example.com", &[2; 32]).unwrap()
}

/// A log whose leaf `n` is the hash of a text.
struct Tree(&'static str);

impl NodeSource for Tree {
    type Error = ();

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, ()> {
        match level.checked_sub(1) {
            None => Ok(leaf_hash(format!("{}{index}", if index < 5 { "" } else { self.0 }).as_bytes())),
            Some(below) => Ok(node_hash(&self.node(below, index * 2)?, &self.node(below, index * 2 + 1)?)),
        }
    }
}

impl Tree {
    fn checkpoint(&mut self, size: u64) -> Checkpoint {
        Checkpoint { origin: NAME.into(), size, root: range_hash(self, 0, size).unwrap() }
    }

    fn request(&mut self, old: u64, size: u64) -> String {
        let proof = consistency_proof(self, old, size).unwrap();
        AddCheckpoint { old, proof, checkpoint: signed(&self.checkpoint(size)) }.text()
    }
}

fn signed(checkpoint: &Checkpoint) -> String {
    let (key, text) = (log_key(), checkpoint.text());
    note_with_signatures(&text, &[(key.public(), key.sign(text.as_bytes()))])
}

fn memory(folder: &Path) -> std::path::PathBuf {
    folder.join("witness.json")
}

fn witness(folder: &Path) -> Witness {
    let (path, name) = (memory(folder), witness_key().public().to_string());
    let memory = if path.exists() { Memory::open(&path, &name) } else { Memory::create(&path, &name) };
    Witness::new(witness_key(), vec![log_key().public().clone()], memory.unwrap())
}

fn evidence(folder: &Path) -> usize {
    std::fs::read_to_string(folder.join("witness.json.evidence")).unwrap_or_default().lines().count()
}

#[test]
fn a_log_that_grows_is_confirmed_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let (mut tree, mut old) = (Tree(""), 0);
    for (now, size) in [(10, 3), (11, 3), (12, 8), (12, 300)] {
        let reply = witness(folder.path()).add_checkpoint(&tree.request(old, size), now);
        let Reply::Confirmed(line) = reply else { panic!("{reply:?}") };
        let lines = NoteSignature::parse_lines(&line).unwrap();
        let text = tree.checkpoint(size).text();
        assert_eq!(witness_key().public().verify(&text, &lines).unwrap().time, now);
        old = size;
    }
    let witness = witness(folder.path());
    let origin: String = std::process::Command::new("sh")
        .args(["-c", &format!("printf %s {NAME} | sha256sum | cut -c1-64")])
        .output()
        .map(|done| String::from_utf8(done.stdout).unwrap().trim().to_owned())
        .unwrap();
    let newest = Note::parse(&witness.newest(&origin).unwrap()).unwrap();
    assert_eq!(newest.signatures.len(), 2);
    assert_eq!(newest.text, tree.checkpoint(300).text());
    assert_eq!(witness.add_checkpoint(&tree.request(299, 310), 13), Reply::OtherSize(300));
    assert_eq!(witness.add_checkpoint(&tree.request(0, 310), 13), Reply::OtherSize(300));
    // An older copy of the database.
    assert_eq!(witness.add_checkpoint(&tree.request(3, 8), 13), Reply::OtherSize(300));
    assert!(
        matches!(witness.add_checkpoint(&tree.request(300, 310), 11), Reply::Unavailable(_)),
        "the clock went back"
    );
    assert_eq!(evidence(folder.path()), 0);
}

#[test]
fn a_fork_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness(folder.path());
    assert!(matches!(witness.add_checkpoint(&Tree("").request(0, 20), 1), Reply::Confirmed(_)));
    assert_eq!(witness.add_checkpoint(&Tree("other").request(20, 20), 2), Reply::OtherSize(20));
    assert_eq!(witness.add_checkpoint(&Tree("other").request(20, 30), 2), Reply::Contradicts);
    assert_eq!(evidence(folder.path()), 2);
    assert!(matches!(witness.add_checkpoint(&Tree("").request(20, 30), 3), Reply::Confirmed(_)), "it was not replaced");
    let line = std::fs::read_to_string(folder.path().join("witness.json.evidence")).unwrap();
    assert!(line.contains("two trees of one size") && line.contains("confirmed"), "{line}");
}

#[test]
fn a_request_that_is_not_of_the_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness(folder.path());
    let good = Tree("").request(0, 20);
    let other = SigningKey::new(NAME, &[9; 32]).unwrap();
    let text = Tree("").checkpoint(20).text();
    let body = |note: String| AddCheckpoint { old: 0, proof: vec![], checkpoint: note }.text();
    let by_other = body(note_with_signatures(&text, &[(other.public(), other.sign(text.as_bytes()))]));
    assert_eq!(witness.add_checkpoint(&by_other, 1), Reply::UnknownKey);
    let wrong = body(note_with_signatures(&text, &[(log_key().public(), [7; 64])]));
    assert_eq!(witness.add_checkpoint(&wrong, 1), Reply::UnknownKey);
    let strange = Checkpoint { origin: "other.example.com/log".into(), ..Tree("").checkpoint(20) };
    assert_eq!(witness.add_checkpoint(&body(signed(&strange)), 1), Reply::UnknownLog);
    let long = format!("{text}more\n");
    let long = body(note_with_signatures(&long, &[(log_key().public(), log_key().sign(long.as_bytes()))]));
    assert!(matches!(witness.add_checkpoint(&long, 1), Reply::Malformed(_)));
    let proof = AddCheckpoint { old: 0, proof: vec![[1; 32]], checkpoint: signed(&Tree("").checkpoint(20)) };
    assert_eq!(witness.add_checkpoint(&proof.text(), 1), Reply::Contradicts);
    let empty = Checkpoint { size: 0, ..Tree("").checkpoint(20) };
    assert_eq!(witness.add_checkpoint(&body(signed(&empty)), 1), Reply::Contradicts);
    for cut in (0..good.len()).filter(|cut| good.is_char_boundary(*cut)) {
        assert!(!matches!(witness.add_checkpoint(&good[..cut], 1), Reply::Confirmed(_)), "{cut}");
    }
    assert!(matches!(witness.add_checkpoint(&good, 1), Reply::Confirmed(_)));
}

#[test]
fn a_memory_is_of_one_witness_and_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = memory(folder.path());
    assert!(Memory::open(&path, "w").is_err(), "a lost memory is not taken for a new one");
    let held = Memory::create(&path, "w").unwrap();
    assert!(Memory::open(&path, "w").unwrap_err().to_string().contains("another witness uses"));
    drop(held);
    assert!(Memory::create(&path, "w").unwrap_err().to_string().contains("--init"));
    assert!(Memory::open(&path, "v").unwrap_err().to_string().contains("another key"));
    assert!(Memory::open(&path, "w").is_ok());
}
