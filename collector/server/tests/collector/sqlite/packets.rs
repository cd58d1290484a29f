//! Evidence packets on a full disk, and beside an entry that the disk has changed.

use crate::any_store::trees::{EACH_SECOND, checkpoint_of, ingest, key};
use crate::patience::eventually;
use crate::process::Collector;
use serde_json::{Value, json};

fn ended(collector: &Collector, path: &str) -> Value {
    eventually("a packet", || {
        let state = collector.owner().get(path).unwrap().json();
        matches!(state["state"].as_str(), Some("ready" | "failed")).then_some(state)
    })
}

fn made(collector: &Collector) -> Value {
    let body = json!({"from": "2026-01-01", "to": "2026-01-02"}).to_string();
    let reply = collector.owner().post("/v1/packets", body.as_bytes()).unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text());
    ended(collector, &format!("/v1/packets/{}", reply.json()["id"].as_str().unwrap()))
}

#[test]
fn a_packet_leaves_the_last_room_of_a_disk_to_the_logs() {
    let root = tempfile::tempdir().unwrap();
    let Some(collector) = Collector::start_on_small_disk(root.path(), 64) else {
        eprintln!("not run: this user may not mount a small disk");
        return;
    };
    ingest(&collector, "b", 1..=100);
    let state = made(&collector);
    assert_eq!((&state["state"], &state["code"]), (&json!("failed"), &json!("disk_full")), "{state}");
    ingest(&collector, "b", 101..=200);
}

#[test]
fn a_damaged_record_is_named_and_the_others_are_proven() {
    let root = tempfile::tempdir().unwrap();
    let secret = key().secret();
    let collector =
        Collector::start_with_environment(root.path(), &[("HEADGATE_COLLECTOR_LOG_KEY", &secret), EACH_SECOND]);
    ingest(&collector, "b", 1..=300);
    checkpoint_of(&collector, "requests", 300);
    let db = rusqlite::Connection::open(root.path().join("data/headgate.db")).unwrap();
    assert_eq!(db.execute("UPDATE request_entries SET bytes = x'7b7d' WHERE position = 100", []).unwrap(), 1);
    let state = made(&collector);
    assert_eq!((&state["state"], &state["records"]), (&json!("ready"), &json!(299)), "{state}");
    let file = root.path().join(format!("data/packets/{}.zip", state["id"].as_str().unwrap()));
    let public = key().public().to_string();
    let output =
        crate::process::run(crate::process::BINARY, &["verify", "--packet", file.to_str().unwrap(), "--key", &public]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("WHOLE, except 1 positions"), "{text}");
    let manifest = crate::process::run("unzip", &["-p", file.to_str().unwrap(), "manifest.json"]);
    let manifest: Value = serde_json::from_slice(&manifest.stdout).unwrap();
    assert_eq!(manifest["requests"]["outside"]["damaged"], 1, "{manifest}");
    assert_eq!(manifest["completeness"]["verdict"], "complete_except", "{manifest}");
    assert_eq!(manifest["reconciliation"]["agrees"], false, "{manifest}");
}
