//! Heartbeats of data planes, and the list of data planes.

use crate::process::Collector;
use headgate_record::{HEARTBEAT_PATH, Heartbeat, ProxyRefusal};
use serde_json::{Value, json};

fn beat(node: &str, boot: &str, revision: &str, queued: u64) -> Value {
    let beat = Heartbeat {
        node: node.to_owned(),
        boot: boot.to_owned(),
        version: "0.1.0".to_owned(),
        config_revision: revision.to_owned(),
        uptime_s: 61,
        queued,
        dropped: 2,
        last_seq: 9,
        open: Some(4),
        refused_by_proxy: [(ProxyRefusal::Upgrade, 3)].into(),
        ending: boot == "c",
    };
    serde_json::to_value(beat).unwrap()
}

#[test]
fn the_last_heartbeat_outlives_a_kill() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut ingest = collector.ingest();
    for beat in [beat("edge-1", "a", "rev-1", 5), beat("edge-2", "b", "rev-1", 0), beat("edge-1", "c", "rev-2", 0)] {
        let reply = ingest.post(HEARTBEAT_PATH, beat.to_string().as_bytes()).unwrap();
        assert_eq!(reply.status, 204, "{}", reply.text());
    }
    ingest.post(HEARTBEAT_PATH, beat("edge-1", "a", "rev-2", 0).to_string().as_bytes()).unwrap();
    collector.kill();
    let collector = Collector::start(root.path());
    let planes = collector.owner().get("/v1/dataplanes").unwrap().json();
    let names: Vec<_> = planes["data"].as_array().unwrap().iter().map(|plane| plane["node"].clone()).collect();
    assert_eq!(names, ["edge-1", "edge-2"]);
    let first = &planes["data"][0];
    assert_eq!((&first["stale"], &first["config_revisions"]), (&json!(false), &json!(["rev-2"])));
    assert_eq!(first["workers"].as_array().unwrap().len(), 2);
    let worker = &first["workers"][0];
    assert_eq!((&worker["boot"], &worker["queued"], &worker["dropped"]), (&json!("a"), &json!(0), &json!(2)));
    assert_eq!((&worker["open"], &worker["ending"]), (&json!(4), &json!(false)));
    assert_eq!(worker["refused_by_proxy"], json!({"upgrade": 3}));
    assert_eq!(first["workers"][1]["ending"], json!(true));
}

#[test]
fn a_bad_heartbeat_is_refused_and_unquoted() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    for (name, value) in
        [("CANARY", json!(1)), ("node", json!("")), ("queued", json!("CANARY")), ("uptime_s", json!(-1))]
    {
        let mut bad = beat("n", "b", "r", 0);
        bad[name] = value;
        let reply = collector.ingest().post(HEARTBEAT_PATH, bad.to_string().as_bytes()).unwrap();
        assert_eq!(reply.status, 400, "{name}");
        assert!(!reply.text().contains("CANARY"));
    }
    assert_eq!(collector.owner().get("/v1/dataplanes").unwrap().json()["data"], json!([]));
}
