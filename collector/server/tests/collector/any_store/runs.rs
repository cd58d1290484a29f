//! Starts, ends and settings of a collector in the audit log.

use crate::client::Client;
use crate::patience::eventually;
use crate::process::Collector;
use serde_json::{Value, json};

/// Returns the entries about collectors, oldest first: type, and the changes by path.
fn entries(owner: &mut Client) -> Vec<(String, Value)> {
    let log = owner.get("/v1/audit?event_types[]=collector.started&event_types[]=collector.stopped&event_types[]=collector.settings_changed&order=asc").unwrap();
    assert_eq!(log.status, 200, "{}", log.text());
    let log = log.json();
    let after = |entry: &Value| {
        let changes = entry["changes"].as_array().cloned().unwrap_or_default();
        changes.into_iter().map(|one| (one["path"].as_str().unwrap().to_owned(), one["after"].clone())).collect()
    };
    let entries = log["data"].as_array().unwrap().iter();
    entries.map(|entry| (entry["type"].as_str().unwrap().to_owned(), after(entry))).collect()
}

fn types(entries: &[(String, Value)]) -> Vec<&str> {
    entries.iter().map(|(kind, _)| kind.as_str()).collect()
}

#[test]
fn each_start_and_each_orderly_end_is_an_entry() {
    let root = tempfile::tempdir().unwrap();
    assert!(Collector::start(root.path()).terminate().success());
    let collector = Collector::start(root.path());
    let found =
        eventually("both starts are there", || Some(entries(&mut collector.owner())).filter(|found| found.len() == 3));
    assert_eq!(types(&found), ["collector.started", "collector.stopped", "collector.started"]);
    assert_eq!(found[0].1["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&found[1].1["run"], &found[1].1["clean"]), (&found[0].1["run"], &json!(true)));
    assert_ne!(found[2].1["run"], found[0].1["run"]);
}
