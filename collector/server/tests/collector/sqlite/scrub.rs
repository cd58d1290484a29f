//! The comparison of every entry with its hash: by the running service, and by the operator's command.

use crate::any_store::access::command;
use crate::patience::until;
use crate::process::Collector;
use crate::records::{batch_of, id};
use crate::sqlite::damage::behind_its_back;
use headgate_record::INGEST_PATH;
use serde_json::{Value, json};
use std::path::Path;

/// Starts, and waits until the scrub has read both logs.
pub(crate) fn scrubbed(root: &Path) -> Collector {
    let collector = Collector::start(root);
    until("the scrub comes to an end", || collector.owner().get("/v1/damage").unwrap().json()["passes"] != 0);
    collector
}

/// Stores a segment and a half of records and some audit entries.
pub(crate) fn filled(root: &Path) {
    let collector = Collector::start(root);
    for first in (1..=24_000).step_by(4_000) {
        collector.ingest().post(INGEST_PATH, &batch_of("n", "b", first..first + 4_000)).unwrap();
    }
    crate::any_store::audit::post(&collector, &(1..=9).map(crate::any_store::audit::entry).collect::<Vec<_>>());
    assert!(collector.terminate().success());
}

pub(crate) fn total(collector: &Collector, query: &str) -> Value {
    collector.owner().get(&format!("/v1/requests/facets?{query}")).unwrap().json()["total"].clone()
}

#[test]
fn wrong_derived_data_is_rebuilt() {
    let root = tempfile::tempdir().unwrap();
    filled(root.path());
    behind_its_back(
        root.path(),
        "UPDATE segment_columns SET codes = zeroblob(length(codes)) WHERE part = 15;
         UPDATE fresh SET cells = x'00' WHERE position = 20000;
         UPDATE requests SET id = zeroblob(16) WHERE position = 7; DELETE FROM requests WHERE position = 18000;
         UPDATE audit SET type = actor_id WHERE position = 4",
    );
    let collector = scrubbed(root.path());
    assert_eq!(total(&collector, "key_id=key-7"), 120);
    assert_eq!(total(&collector, "status=200"), 24_000);
    for seq in [7, 18_000, 20_000] {
        assert_eq!(collector.owner().get(&format!("/v1/requests/{}", id("b", seq))).unwrap().status, 200, "{seq}");
    }
    let entries = collector.owner().get("/v1/audit?event_types=user.added").unwrap().json();
    assert_eq!(entries["data"].as_array().unwrap().len(), 4);
    let damage = collector.owner().get("/v1/damage").unwrap().json();
    assert_eq!(damage["data"], json!([]), "no entry was touched");
    assert_eq!(collector.logs().matches("is built anew").count(), 3, "{}", collector.logs());
    assert!(!root.path().join("data/headgate.db.is-damaged").exists());
}

#[test]
fn the_scrub_corrects_an_entrys_revision() {
    let root = tempfile::tempdir().unwrap();
    filled(root.path());
    behind_its_back(root.path(), "UPDATE audit SET revision = 7 WHERE position = 3");
    let collector = scrubbed(root.path());
    let of_it = collector.owner().get("/v1/audit?revision=7").unwrap().json();
    assert_eq!(of_it["data"], json!([]));
}

#[test]
fn altered_and_lost_entries_are_found() {
    let root = tempfile::tempdir().unwrap();
    filled(root.path());
    behind_its_back(
        root.path(),
        "UPDATE request_entries SET bytes = zeroblob(9) WHERE position = 5; DELETE FROM request_entries WHERE position > 23990;
         UPDATE audit_entries SET leaf = bytes WHERE position = 2",
    );
    let collector = scrubbed(root.path());
    let damage = collector.owner().get("/v1/damage").unwrap().json();
    let rows: Vec<_> = damage["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| json!([row["log"], row["first_position"], row["last_position"], row["kind"]]))
        .collect();
    let expected = [
        json!(["audit", 2, 2, "altered"]),
        json!(["requests", 5, 5, "altered"]),
        json!(["requests", 23_991, 24_000, "lost"]),
    ];
    assert_eq!(rows, expected);
    let metrics = collector.owner().get("/metrics").unwrap().text();
    assert!(metrics.contains(r#"headgate_collector_damaged_entries{log="requests"} 11"#), "{metrics}");
}

#[test]
fn check_reports_damage_and_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    assert!(!command(root.path(), &["check"]).0, "there is nothing to check");
    filled(root.path());
    let (well, said) = command(root.path(), &["check"]);
    assert!(well && said.ends_with("all is well\n"), "{said}");
    behind_its_back(
        root.path(),
        "UPDATE request_entries SET bytes = x'00' WHERE position = 3; DELETE FROM audit WHERE position = 2;
         DELETE FROM request_entries WHERE position BETWEEN 17000 AND 17004",
    );
    let before = std::fs::read(root.path().join("data/headgate.db")).unwrap();
    let expected =
        ["requests 3 is not what was stored", "requests 17000-17004 is gone", "audit 2: its index disagrees"];
    let (well, said) = command(root.path(), &["check"]);
    assert!(!well && said.lines().eq(expected), "{said}");
    assert!(std::fs::read(root.path().join("data/headgate.db")).unwrap() == before, "the file was changed");
    let collector = scrubbed(root.path());
    let (well, said) = command(root.path(), &["check"]);
    assert!(!well && said.lines().eq(expected.into_iter().take(2)), "the index is built anew by now: {said}");
    drop(collector);
}

#[test]
fn a_damaged_structure_is_found_and_repaired() {
    let root = tempfile::tempdir().unwrap();
    filled(root.path());
    let mut bytes = std::fs::read(root.path().join("data/headgate.db")).unwrap();
    bytes[100..4096].fill(0);
    std::fs::write(root.path().join("data/headgate.db"), bytes).unwrap();
    assert!(!command(root.path(), &["check"]).0);
    assert!(!command(root.path(), &["token", "list"]).0, "a command does not work on what is damaged");
    let collector = scrubbed(root.path());
    assert_eq!(total(&collector, "status=200"), 24_000);
    let told = collector.owner().get("/v1/audit?event_types=store.salvaged").unwrap().json();
    let changes = told["data"][0]["changes"].as_array().unwrap();
    assert!(changes.iter().any(|change| change["path"] == "requests" && change["after"]["kept"] == 24_000), "{told}");
    let aside = std::fs::read_dir(root.path().join("data")).unwrap();
    let is_aside = |name: &str| name.contains(".damaged-") && name.ends_with('Z');
    let aside = aside.filter(|file| is_aside(file.as_ref().unwrap().file_name().to_str().unwrap()));
    assert_eq!(aside.count(), 1, "the damaged one is kept");
    let again = collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 23_001..=24_010)).unwrap().json();
    assert_eq!((&again["stored"], &again["duplicates"]), (&json!(10), &json!(1_000)));
}
