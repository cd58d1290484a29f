//! The trees after damage, recovery and older copies of the file.

use crate::any_store::trees::{checkpoint_of, growth, ingest, key, public, start};
use crate::any_store::verify::monitor;
use crate::process::{BINARY, run};
use crate::records::id;
use headgate_collector_tree::{TlogProof, leaf_hash, verify_consistency};
use rusqlite::Connection;
use std::path::Path;

fn file(root: &Path) -> Connection {
    Connection::open(root.join("data/headgate.db")).unwrap()
}

/// Fills a page of a table with garbage, so that the next start recovers the database.
fn damage(root: &Path) {
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'boots'";
    let page: u32 = file(root).query_row(sql, [], |row| row.get(0)).unwrap();
    let page = usize::try_from(page).unwrap();
    let path = root.join("data/headgate.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[(page - 1) * 4096..page * 4096].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
}

#[test]
fn a_recovered_log_continues_its_checkpoints_over_lost_entries() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path());
    ingest(&collector, "b", 1..=600);
    let signed = checkpoint_of(&collector, "requests", 600);
    assert!(collector.terminate().success());
    // Their bytes do not have their hashes, so a recovery does not take them for entries.
    file(root.path())
        .execute("UPDATE request_entries SET bytes = x'00' WHERE position BETWEEN 100 AND 110", [])
        .unwrap();
    damage(root.path());
    let collector = start(root.path());
    assert!(collector.logs().contains("lost is requests 100-110"), "{}", collector.logs());
    ingest(&collector, "c", 1..=50);
    let newer = checkpoint_of(&collector, "requests", 650);
    let proof = growth(&collector, "requests", signed.size, newer.size);
    verify_consistency((signed.size, &signed.root), (newer.size, &newer.root), &proof).unwrap();
    let mut owner = collector.owner();
    let path = format!("/v1/requests/{}", id("b", 300));
    let proof = TlogProof::parse(&owner.get(&format!("{path}/proof")).unwrap().text()).unwrap();
    proof.verify(&leaf_hash(&owner.get(&path).unwrap().body), &[public("requests")]).unwrap();
    let lost = owner.get(&format!("/v1/requests/{}/proof", id("b", 50))).unwrap();
    assert_eq!((lost.status, &lost.json()["error"]["code"]), (409, &"leaf_lost".into()), "{}", lost.text());
    let verified = run(BINARY, &["verify", "--data", root.path().join("data").to_str().unwrap()]);
    let text = String::from_utf8(verified.stdout).unwrap();
    assert!(verified.status.code() == Some(2) && text.contains("UNKNOWN      requests 100-110: lost"), "{text}");
}

#[test]
fn an_older_copy_of_the_file_is_noticed_from_outside() {
    let root = tempfile::tempdir().unwrap();
    let public = key().public().to_string();
    let collector = start(root.path());
    ingest(&collector, "b", 1..=300);
    checkpoint_of(&collector, "requests", 300);
    assert!(collector.terminate().success());
    let database = root.path().join("data/headgate.db");
    std::fs::copy(&database, root.path().join("older")).unwrap();
    let collector = start(root.path());
    ingest(&collector, "b", 301..=600);
    checkpoint_of(&collector, "requests", 600);
    checkpoint_of(&collector, "audit", 1);
    let seen = monitor(&collector, root.path(), "state", &["--public-key", &public]);
    assert_eq!(seen.0, 0, "{}", seen.1);
    assert!(collector.terminate().success());
    std::fs::copy(root.path().join("older"), &database).unwrap();
    let collector = start(root.path());
    assert!(collector.logs().contains("lost is requests 301-600"), "{}", collector.logs());
    ingest(&collector, "c", 1..=10);
    checkpoint_of(&collector, "requests", 610);
    let (code, text) = monitor(&collector, root.path(), "state", &[]);
    assert!(code == 1 && text.contains("CONTRADICTED requests growth"), "{text}");
}
