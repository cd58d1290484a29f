//! Legal holds: covered entries stay until the release, and an invalid hold is refused.

use crate::any_store::retention::{get, numbers, of_class, put, rules, send, start_in_days, told, total, wait_for_run};
use crate::patience::until;
use crate::process::Collector;
use crate::records::BASE_US;
use serde_json::{Value, json};

#[test]
fn a_hold_keeps_entries_until_its_release() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let records: Vec<_> = (1..=300).map(|seq| of_class("b", seq, "default")).collect();
    send(&collector, "b", &records);
    let mut owner = collector.owner();
    let mut place = |scope: Value| {
        let body = json!({"log": "requests", "scope": scope, "reason": "case 17"}).to_string();
        let reply = owner.post("/v1/holds", body.as_bytes()).unwrap();
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()
    };
    let team = place(json!({"team": "team-3", "key_id": "key-13"}));
    assert_eq!((&team["covers"], &team["placed_by"]), (&json!(2), &json!("environment-owner")), "{team}");
    let time = place(json!({"from": BASE_US + 250_000, "to": BASE_US + 260_000}));
    assert_eq!(time["covers"], 10);
    assert_eq!(place(json!({"owner": "nobody"}))["covers"], 0);
    collector.kill();
    let collector = start_in_days(root.path(), 100);
    wait_for_run(&collector);
    let mut owner = collector.owner();
    let held: Vec<u64> = (1..=300).filter(|seq| seq % 200 == 13 || (250..260).contains(seq)).collect();
    assert_eq!(numbers(&mut owner), held);
    assert_eq!(get(&mut owner, "/v1/holds")["data"].as_array().unwrap().len(), 3);
    let dry = put(&mut owner, "?dry_run=true", "*", &rules(90, json!({}), 180)).json();
    assert_eq!(dry["would_delete"]["requests"]["kept_by_holds"], held.len());
    let path = format!("/v1/holds/{}", team["id"].as_str().unwrap());
    assert_eq!(owner.send("DELETE", &path, b"").unwrap().status, 200);
    assert_eq!(owner.send("DELETE", &path, b"").unwrap().status, 404);
    until("what is released goes", || total(&mut owner, "") <= 10);
    assert_eq!(numbers(&mut owner), (250..260).collect::<Vec<_>>());
    let released = told(&mut owner, "hold.released");
    assert_eq!((released.len(), &released[0]["resource"]["id"]), (1, &team["id"]));
    assert_eq!(told(&mut owner, "hold.placed").len(), 3);
}

#[test]
fn a_hold_on_a_time_covers_both_clocks() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let records: Vec<_> = (1..=5).map(|seq| of_class("b", seq, "default")).collect();
    send(&collector, "b", &records);
    // A hold on one actor.
    let (first, second) = (crate::any_store::audit::entry(1), crate::any_store::audit::entry(4));
    let entries = json!({"entries": [first, second]}).to_string();
    assert_eq!(collector.ingest().post("/v1/audit", entries.as_bytes()).unwrap().json()["stored"], 2);
    let mut owner = collector.owner();
    let lately = get(&mut owner, "/v1/dataplanes")["now"].as_i64().unwrap() - 3_600_000_000;
    let actor = &first["actor"]["id"];
    let cases = [
        ("requests", json!({"from": lately}), 5),
        ("requests", json!({"to": BASE_US + 3_001}), 3),
        ("requests", json!({"from": lately - 3_600_000_000, "to": lately}), 0),
        ("audit", json!({"from": lately, "actor_id": actor}), 2),
        ("audit", json!({"to": second["time"], "actor_id": actor}), 1),
        ("audit", json!({"from": lately - 3_600_000_000, "to": lately, "actor_id": actor}), 0),
    ];
    for (log, scope, covers) in cases {
        let body = json!({"log": log, "scope": scope, "reason": "case 17"}).to_string();
        assert_eq!(owner.post("/v1/holds", body.as_bytes()).unwrap().json()["covers"], covers, "{log} {scope}");
    }
}

#[test]
fn bad_rules_and_holds_are_refused_unquoted() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let many: serde_json::Map<_, _> = (0..65).map(|n| (format!("c{n}"), json!(1))).collect();
    for bad in [
        json!({}),
        rules(0, json!({}), 180),
        rules(36_501, json!({}), 180),
        rules(90, json!({"CANARY": 0}), 180),
        rules(90, json!(many), 180),
        json!({"requests": {"days": -1}, "audit": {"days": 180}}),
        json!({"requests": {"days": 90.5}, "audit": {"days": 180}}),
        json!({"requests": {"days": 90}, "audit": {"days": "CANARY"}}),
        json!({"requests": {"days": 90}, "audit": {"days": 180}, "CANARY": 1}),
    ] {
        let reply = put(&mut owner, "", "*", &bad);
        assert_eq!(reply.status, 400, "{bad}: {}", reply.text());
        assert!(!reply.text().contains("CANARY"), "{}", reply.text());
    }
    for bad in [
        json!({"log": "requests", "scope": {}, "reason": "r"}),
        json!({"log": "requests", "scope": {"everything": true}, "reason": ""}),
        json!({"log": "requests", "scope": {"everything": true}}),
        json!({"log": "requests", "scope": {"everything": true, "team": "a"}, "reason": "r"}),
        json!({"log": "requests", "scope": {"actor_id": "a"}, "reason": "r"}),
        json!({"log": "audit", "scope": {"team": "CANARY"}, "reason": "r"}),
        json!({"log": "CANARY", "scope": {"everything": true}, "reason": "r"}),
        json!({"log": "requests", "scope": {"CANARY": "a"}, "reason": "r"}),
        json!({"log": "requests", "scope": {"from": "CANARY"}, "reason": "r"}),
        json!({"log": "requests", "scope": {"from": 2, "to": 1}, "reason": "r"}),
        json!({"log": "requests", "scope": {"key_id": "x".repeat(257)}, "reason": "r"}),
    ] {
        let reply = owner.post("/v1/holds", bad.to_string().as_bytes()).unwrap();
        assert_eq!(reply.status, 400, "{bad}: {}", reply.text());
        assert!(!reply.text().contains("CANARY"), "{}", reply.text());
    }
    assert_eq!(get(&mut owner, "/v1/holds")["data"], json!([]));
    assert_eq!(get(&mut owner, "/v1/retention")["revision"], 1);
    let hold = json!({"log": "audit", "scope": {"everything": true}, "reason": "r"}).to_string();
    for _ in 0..200 {
        assert_eq!(owner.post("/v1/holds", hold.as_bytes()).unwrap().status, 201);
    }
    assert_eq!(owner.post("/v1/holds", hold.as_bytes()).unwrap().status, 409);
}
