//! Damaged entries: never served as if they were intact, and never missing without a notice.

use crate::any_store::retention::{of_class, send, start_in_days, told, total, wait_for_run};
use crate::client::Client;
use crate::process::Collector;
use crate::records::{batch_of, id};
use headgate_record::INGEST_PATH;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;

fn get(client: &mut Client, path: &str) -> Value {
    let reply = client.get(path).unwrap();
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.json()
}

/// Creates a database with ten records and five entries of another system.
fn filled(root: &Path) {
    let collector = Collector::start(root);
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=10)).unwrap();
    crate::any_store::audit::post(&collector, &(1..=5).map(crate::any_store::audit::entry).collect::<Vec<_>>());
    assert!(collector.terminate().success());
}

/// Changes the database without the collector's knowledge.
pub(crate) fn behind_its_back(root: &Path, sql: &str) {
    let db = Connection::open(root.join("data/headgate.db")).unwrap();
    let trigger: String = db
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'audit_entries_are_not_changed'", [], |row| row.get(0))
        .unwrap();
    db.execute_batch(&format!("DROP TRIGGER audit_entries_are_not_changed; {sql}; {trigger}")).unwrap();
}

fn seqs(page: &Value) -> Vec<u64> {
    page["data"].as_array().unwrap().iter().map(|record| record["seq"].as_u64().unwrap()).collect()
}

#[test]
fn a_changed_record_is_named_in_every_answer() {
    let root = tempfile::tempdir().unwrap();
    filled(root.path());
    behind_its_back(
        root.path(),
        "UPDATE request_entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '200', '201') AS BLOB) WHERE position = 3;
         UPDATE request_entries SET leaf = NULL WHERE position = 7; DELETE FROM request_entries WHERE position = 9",
    );
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    for _ in 0..2 {
        let page = get(&mut owner, "/v1/requests?order=asc");
        assert_eq!((seqs(&page), &page["damaged"]), (vec![1, 2, 4, 5, 6, 8, 10], &json!([3, 7, 9])));
    }
    let mut walked = Vec::new();
    let mut after = String::new();
    loop {
        let page = get(&mut owner, &format!("/v1/requests?order=asc&limit=1{after}"));
        walked.extend(seqs(&page));
        if page["has_more"] != true {
            break;
        }
        after = format!("&after={}", page["next"].as_str().unwrap());
    }
    assert_eq!(walked, [1, 2, 4, 5, 6, 8, 10], "a page that is empty for damage leads on all the same");
    for (seq, status) in [(3, 500), (4, 200), (7, 500), (9, 500)] {
        let one = owner.get(&format!("/v1/requests/{}", id("b", seq))).unwrap();
        assert_eq!(one.status, status, "{}", one.text());
        if status == 500 {
            assert_eq!(one.json()["error"]["code"], "entry_damaged");
            assert!(one.text().contains(&format!("position {seq}")), "{}", one.text());
        }
    }
    let all = get(&mut owner, "/v1/requests.json?order=asc");
    assert_eq!((seqs(&all), &all["damaged"]), (vec![1, 2, 4, 5, 6, 8, 10], &json!([3, 7, 9])));
    let lines = owner.get("/v1/requests.ndjson?order=asc").unwrap().text();
    assert_eq!(lines.lines().nth(2), Some(r#"{"object":"damaged","position":3}"#));
    assert_eq!(lines.lines().count(), 10);
    let sheet = owner.get("/v1/requests.csv?order=asc").unwrap().text();
    let row = sheet.lines().nth(3).unwrap();
    assert!(row.starts_with("damaged: position 3,") && sheet.lines().count() == 11, "{sheet}");
    assert_eq!(row.matches(',').count(), sheet.lines().next().unwrap().matches(',').count(), "as wide as the others");
}

#[test]
fn damage_is_reported_once_in_each_place() {
    let root = tempfile::tempdir().unwrap();
    filled(root.path());
    behind_its_back(
        root.path(),
        "UPDATE request_entries SET bytes = x'00' WHERE position = 3;
         UPDATE audit_entries SET bytes = x'7b7d' WHERE position = 3",
    );
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    for _ in 0..3 {
        get(&mut owner, "/v1/requests");
        let page = get(&mut owner, "/v1/audit?sources=console&order=asc");
        assert_eq!((page["data"].as_array().unwrap().len(), &page["damaged"]), (4, &json!([3])));
    }
    let one = owner.get(&format!("/v1/audit/{}", id("audit", 2))).unwrap();
    assert_eq!((one.status, &one.json()["error"]["code"]), (500, &json!("entry_damaged")));
    let damage = get(&mut owner, "/v1/damage");
    let places: Vec<_> = damage["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| [&row["log"], &row["first_position"], &row["last_position"], &row["kind"]].map(Clone::clone))
        .collect();
    let place = |log: &str, at: u64| [json!(log), json!(at), json!(at), json!("altered")];
    assert_eq!(places, [place("audit", 3), place("requests", 3)]);
    let noted = get(&mut owner, "/v1/audit?event_types=store.damage_found&order=asc");
    assert_eq!(noted["data"].as_array().unwrap().len(), 2);
    assert_eq!(noted["data"][0]["changes"][0]["after"], json!([[3, 3, "altered"]]));
    let metrics = owner.get("/metrics").unwrap().text();
    assert!(metrics.contains(r#"headgate_collector_damaged_entries{log="requests"} 1"#), "{metrics}");
    assert_eq!(collector.logs().matches("damage: the entry at requests 3 is not").count(), 1, "{}", collector.logs());
    collector.kill();
    let collector = Collector::start(root.path());
    let metrics = collector.owner().get("/metrics").unwrap().text();
    assert!(
        metrics.contains(r#"headgate_collector_damaged_entries{log="audit"} 1"#),
        "it is known after a restart: {metrics}"
    );
}

#[test]
fn a_repeated_record_is_known_by_its_hash() {
    let root = tempfile::tempdir().unwrap();
    filled(root.path());
    behind_its_back(root.path(), "UPDATE request_entries SET bytes = x'00' WHERE position = 3");
    let collector = Collector::start(root.path());
    let again = collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=10)).unwrap().json();
    assert_eq!((&again["duplicates"], &again["refused"]), (&json!(10), &json!([])));
}

#[test]
fn recovery_says_which_usage_is_incomplete() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let records: Vec<_> = (1..=150).map(|seq| of_class("b", seq, if seq <= 100 { "1d" } else { "default" })).collect();
    send(&collector, "b", &records);
    collector.kill();
    let collector = start_in_days(root.path(), 4);
    wait_for_run(&collector);
    assert_eq!(total(&mut collector.owner(), ""), 50);
    assert!(collector.terminate().success());
    // A row of a quarter of an hour that cannot be read; the day's row is intact.
    let db = rusqlite::Connection::open(root.path().join("data/headgate.db")).unwrap();
    let broken = "UPDATE usage_rollups SET totals = x'80' WHERE level = 0
        AND combination = (SELECT min(combination) FROM usage_rollups WHERE level = 0)";
    assert_eq!(db.execute(broken, []).unwrap(), 1);
    drop(db);
    std::fs::write(root.path().join("data/headgate.db.is-damaged"), "").unwrap();
    let collector = start_in_days(root.path(), 4);
    let mut owner = collector.owner();
    let hour = get(&mut owner, "/v1/usage?from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z&bucket=hour&total=true");
    assert_eq!((hour["total"]["requests"].clone(), crate::any_store::usage::requests(&collector)), (json!(149), 150));
    let salvaged = &told(&mut owner, "store.salvaged")[0];
    let usage = salvaged["changes"].as_array().unwrap().iter().find(|change| change["path"] == "usage").unwrap();
    assert_eq!(usage["after"], json!({"counted": "before the damage", "rows_dropped": 1}));
    assert!(collector.logs().contains("usage is kept as it could be read"), "{}", collector.logs());
}
