//! Gaps: listed with the times around them, kept when they close, and still there after a kill.

use crate::client::Client;
use crate::patience::eventually;
use crate::process::Collector;
use crate::records::{BASE_US, batch, batch_of};
use headgate_record::{HEARTBEAT_PATH, Heartbeat, INGEST_PATH};
use serde_json::{Value, json};

fn gaps(client: &mut Client, query: &str) -> Value {
    let reply = client.get(&format!("/v1/gaps?{query}")).unwrap();
    assert_eq!(reply.status, 200, "{query}: {}", reply.text());
    reply.json()
}

/// Returns (boot, first number, last number) of each gap.
fn runs(page: &Value) -> Vec<(String, u64, u64)> {
    let number = |gap: &Value, name: &str| gap[name].as_u64().unwrap();
    let data = page["data"].as_array().unwrap().iter();
    data.map(|gap| (gap["boot"].as_str().unwrap().to_owned(), number(gap, "first_seq"), number(gap, "last_seq")))
        .collect()
}

fn run(boot: &str, first: u64, last: u64) -> (String, u64, u64) {
    (boot.to_owned(), first, last)
}

fn send(collector: &Collector, boot: &str, seqs: &[u64]) -> Value {
    let reply = collector.ingest().post(INGEST_PATH, &batch_of("n", boot, seqs.iter().copied())).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn beat(collector: &Collector, boot: &str, queued: u64, last_seq: u64) {
    let beat = Heartbeat {
        node: "n".to_owned(),
        boot: boot.to_owned(),
        version: "0.1.0".to_owned(),
        config_revision: "rev-7".to_owned(),
        uptime_s: 61,
        queued,
        dropped: 0,
        last_seq,
        ..Heartbeat::default()
    };
    let reply = collector.ingest().post(HEARTBEAT_PATH, &serde_json::to_vec(&beat).unwrap()).unwrap();
    assert_eq!(reply.status, 204, "{}", reply.text());
}

#[test]
fn a_gap_is_shown_until_its_records_arrive() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    send(&collector, "b", &[2, 3, 7]);
    for dropped in [9, 4] {
        collector.ingest().post(INGEST_PATH, &batch("n", "b", dropped, &[])).unwrap();
    }
    send(&collector, "whole", &[3, 1, 2]);
    let mut owner = collector.owner();
    let open = gaps(&mut owner, "");
    assert_eq!(runs(&open), [run("b", 4, 6), run("b", 1, 1)]);
    assert_eq!(open["dropped"], json!([{"node": "n", "boot": "b", "dropped": 9}]));
    let at = |seq: u64| BASE_US + seq * 1000;
    let (middle, begin) = (&open["data"][0], &open["data"][1]);
    assert_eq!((&middle["after"], &middle["before"]), (&json!(at(3)), &json!(at(7))));
    assert_eq!((&begin["after"], &begin["before"]), (&Value::Null, &json!(at(2))));
    assert_eq!((&middle["records"], &middle["closed_at"], &middle["at_end"]), (&json!(3), &Value::Null, &json!(false)));
    assert_eq!(send(&collector, "b", &[5])["stored"], 1);
    assert_eq!(runs(&gaps(&mut owner, "")), [run("b", 6, 6), run("b", 4, 4), run("b", 1, 1)]);
    assert_eq!(send(&collector, "b", &[6, 1, 4, 5])["stored"], 3);
    assert_eq!(gaps(&mut owner, "")["data"], json!([]));
    let closed = gaps(&mut owner, "state=closed");
    let numbers: u64 = closed["data"].as_array().unwrap().iter().map(|gap| gap["records"].as_u64().unwrap()).sum();
    assert_eq!(numbers, 4, "what came late is told of too: {closed}");
    assert!(
        closed["data"].as_array().unwrap().iter().all(|gap| gap["closed_at"].as_u64() > gap["noticed_at"].as_u64())
    );
    let metrics = owner.get("/metrics").unwrap().text();
    assert!(metrics.contains("headgate_collector_dropped_records 9\n"), "{metrics}");
}

#[test]
fn gaps_survive_a_kill_and_are_filtered() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    for boot in ["a", "b", "c", "d", "e"] {
        send(&collector, boot, &[2]);
    }
    send(&collector, "c", &[1]);
    collector.kill();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let mut boots = Vec::new();
    let mut after = String::new();
    loop {
        let page = gaps(&mut owner, &format!("state=all&limit=2{after}"));
        boots.extend(runs(&page).into_iter().map(|(boot, _, _)| boot));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(boots, ["e", "d", "c", "b", "a"]);
    assert_eq!(runs(&gaps(&mut owner, "node=n&state=closed")), [run("c", 1, 1)]);
    assert_eq!(runs(&gaps(&mut owner, "node=other&state=all")), []);
    let page = gaps(&mut owner, "");
    let noticed: Vec<_> =
        page["data"].as_array().unwrap().iter().map(|gap| gap["noticed_at"].as_u64().unwrap()).collect();
    assert_eq!(runs(&gaps(&mut owner, &format!("from={}", noticed[0]))), [run("e", 1, 1)]);
    assert_eq!(runs(&gaps(&mut owner, &format!("to={}", noticed[3] + 1))), [run("a", 1, 1)]);
    for bad in ["state=none", "limit=0", "limit=501", "after=g1_x", "node=", "CANARY=1", "from=soon"] {
        let reply = owner.get(&format!("/v1/gaps?{bad}")).unwrap();
        assert_eq!(reply.status, 400, "{bad}");
        assert!(!reply.text().contains("\"data\""));
    }
}

#[test]
fn a_heartbeat_reveals_a_gap_at_the_end() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    send(&collector, "b", &[1, 2]);
    beat(&collector, "b", 3, 5);
    beat(&collector, "b", 0, 2);
    let mut owner = collector.owner();
    assert_eq!(runs(&gaps(&mut owner, "")), [], "what waits may come, and two have come");
    beat(&collector, "b", 0, 5);
    let open = gaps(&mut owner, "");
    assert_eq!((runs(&open), &open["data"][0]["at_end"]), (vec![run("b", 3, 5)], &json!(true)));
    assert_eq!(open["data"][0]["after"], BASE_US + 2000);
    send(&collector, "b", &[3, 4, 5, 8]);
    let left = gaps(&mut owner, "");
    assert_eq!((runs(&left), &left["data"][0]["at_end"]), (vec![run("b", 6, 7)], &json!(false)));
    beat(&collector, "never-seen", 0, 190_000);
    beat(&collector, "never-seen", 0, 190_000);
    beat(&collector, "nor-this-one", 0, 190_000);
    let hostile = gaps(&mut owner, "");
    assert_eq!(hostile["data"].as_array().unwrap().len(), 3, "{hostile}");
    let metrics = owner.get("/metrics").unwrap().text();
    assert!(metrics.contains("headgate_collector_store_readable 1\n"), "{metrics}");
    assert!(metrics.contains("headgate_collector_open_gaps 3\n"), "{metrics}");
    for seqs in [[7, 8], [9, 10], [11, 12]] {
        assert_eq!(send(&collector, "never-seen", &seqs)["stored"], 2);
    }
    assert_eq!(runs(&gaps(&mut owner, "state=closed"))[0], run("never-seen", 7, 12), "one run, not one a batch");
    assert_eq!(send(&collector, "never-seen", &[1, 2, 3])["stored"], 3);
    assert_eq!(send(&collector, "never-seen", &[4, 5, 6])["stored"], 3);
    assert_eq!(send(&collector, "never-seen", &[5, 12])["duplicates"], 2);
    let closed = runs(&gaps(&mut owner, "state=closed"));
    assert_eq!(closed.iter().map(|(_, first, last)| last - first + 1).sum::<u64>(), 3 + 12, "{closed:?}");
}

#[test]
fn gaps_are_folded_in_the_audit_log() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    for boot in 0..40 {
        send(&collector, &format!("boot-{boot}"), &[4]);
    }
    send(&collector, "boot-7", &[1, 2]);
    let mut owner = collector.owner();
    let told = |owner: &mut Client, kind: &str| {
        let log = owner.get(&format!("/v1/audit?event_types[]={kind}")).unwrap().json();
        log["data"].as_array().unwrap().first().cloned()
    };
    let opened = eventually("gaps are told", || told(&mut owner, "gaps.opened"));
    assert_eq!((&opened["count"], &opened["changes"]), (&json!(40), &json!([{"path": "records", "after": 120}])));
    assert_eq!((&opened["actor"]["kind"], &opened["resource"]["name"]), (&json!("system"), &json!("n")));
    let closed = told(&mut owner, "gaps.closed").unwrap();
    assert_eq!((&closed["count"], &closed["changes"][0]["after"]), (&json!(1), &json!(2)));
}

#[test]
fn reads_of_gaps_and_tokens_are_recorded() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    for path in ["/v1/gaps?node=edge-9", "/v1/dataplanes", "/v1/tokens"] {
        assert_eq!(owner.get(path).unwrap().status, 200);
    }
    let kinds = "event_types[]=gaps.searched&event_types[]=dataplanes.searched&event_types[]=tokens.searched";
    let log = owner.get(&format!("/v1/audit?order=asc&{kinds}")).unwrap().json();
    let told: Vec<_> = log["data"].as_array().unwrap().iter().map(|entry| entry["resource"].clone()).collect();
    assert_eq!(told[0], json!({"kind": "list", "id": "gaps", "name": "node=edge-9"}));
    assert_eq!(told[1..], [json!({"kind": "list", "id": "dataplanes"}), json!({"kind": "list", "id": "tokens"})]);
}
