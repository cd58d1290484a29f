//! What one valid ingest token cannot do: take, mask or pre-empt what others deliver, or let numbers leap.

use crate::client::{Client, Reply};
use crate::fleet::{Proxy, day, row};
use crate::patience::eventually;
use crate::process::Collector;
use crate::records::{batch, batch_of, id, record};
use headgate_limits::SYNC_PATH;
use headgate_record::{HEARTBEAT_PATH, INGEST_PATH};
use serde_json::{Value, json};

/// Makes a token; its id and its text.
fn token(owner: &mut Client, wanted: &Value) -> (String, String) {
    let reply = owner.post("/v1/tokens", wanted.to_string().as_bytes()).unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text());
    let text = |name: &str| reply.json()[name].as_str().unwrap().to_owned();
    (text("id"), text("token"))
}

fn attacker(collector: &Collector) -> (String, Client) {
    let (id, text) = token(&mut collector.owner(), &json!({"role": "ingest", "name": "other team"}));
    (id, collector.with_token(&text))
}

fn refused(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

/// The audit entries about conflicts of a token, once there are any with this code.
fn told(collector: &Collector, token: &str, code: &str) -> Value {
    eventually("the audit log is told", || {
        let path = format!("/v1/audit?event_types[]=ingest.conflict&actor_ids[]={token}");
        let log = collector.owner().get(&path).unwrap().json();
        // Until there is an entry of this actor, the log does not know it.
        log["data"].as_array()?.iter().find(|entry| entry["code"] == code).cloned()
    })
}

fn beat(boot: &str, last_seq: u64) -> Vec<u8> {
    let beat = json!({"node": "n", "boot": boot, "version": "0.1.0", "config_revision": "r", "uptime_s": 1, "queued": 0,
        "dropped": 0, "last_seq": last_seq});
    beat.to_string().into_bytes()
}

#[test]
fn a_boot_of_another_token_takes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    assert_eq!(collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=3)).unwrap().status, 200);
    let mut proxy = Proxy::new("b");
    proxy.report(&collector, vec![row("team", "search", 5)]);
    let (token, mut other) = attacker(&collector);
    let foreign = (409, "boot_of_another_token".to_owned());
    for node in ["n", "another-node"] {
        assert_eq!(refused(&other.post(INGEST_PATH, &batch_of(node, "b", 4..=9)).unwrap()), foreign);
    }
    assert_eq!(refused(&other.post(INGEST_PATH, &batch_of("n", "b", 1..=3)).unwrap()), foreign, "repeats neither");
    assert_eq!(refused(&other.post(HEARTBEAT_PATH, &beat("b", 9)).unwrap()), foreign);
    let far = Proxy { seq: 999, ..Proxy::new("b") }.body(vec![row("team", "search", 7)]);
    assert_eq!(refused(&other.post(SYNC_PATH, &far).unwrap()), foreign);
    // Its owner goes on as if nothing had been.
    let reply = collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 4..=9)).unwrap();
    assert_eq!((reply.json()["stored"].as_u64(), &reply.json()["refused"]), (Some(6), &json!([])));
    assert_eq!(proxy.report(&collector, vec![row("team", "search", 5)]).rows[0].total, 10);
    assert_eq!(collector.owner().get("/v1/gaps").unwrap().json()["data"], json!([]));
    let entry = told(&collector, &token, "boot_of_another_token");
    assert_eq!((&entry["outcome"], &entry["resource"]["id"]), (&json!("denied"), &json!("b")));
    assert_eq!(entry["actor"]["name"], "other team");
    assert!(entry["changes"].to_string().contains("environment-ingest"), "whose it is: {entry}");
}

#[test]
fn other_content_under_a_stored_number_is_evidence() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=2)).unwrap();
    let mut other = record("n", "b", 2);
    other.status = 500;
    let reply = collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &[serde_json::to_string(&other).unwrap()]));
    assert!(reply.unwrap().json()["refused"][0]["reason"].as_str().unwrap().starts_with("conflict"));
    let entry = told(&collector, "environment-ingest", "number_taken");
    assert_eq!(entry["changes"][0]["after"], json!([{"boot": "b", "seq": 2}]));
    let kept = collector.owner().get(&format!("/v1/requests/{}", id("b", 2))).unwrap();
    assert_eq!(kept.json()["status"], 200);
    // An id that another boot has taken first is refused, told, and leaves a gap.
    let mut taken = record("n", "c", 1);
    taken.id = id("b", 1);
    let next = serde_json::to_string(&record("n", "c", 2)).unwrap();
    let both = batch("n", "c", 0, &[serde_json::to_string(&taken).unwrap(), next]);
    assert_eq!(collector.ingest().post(INGEST_PATH, &both).unwrap().json()["stored"], 1);
    told(&collector, "environment-ingest", "id_taken");
    let gaps = collector.owner().get("/v1/gaps").unwrap().json();
    assert_eq!((&gaps["data"][0]["boot"], &gaps["data"][0]["first_seq"]), (&json!("c"), &json!(1)));
}

#[test]
fn numbers_and_counts_cannot_leap() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut ingest = collector.ingest();
    ingest.post(INGEST_PATH, &batch_of("n", "b", 1..=1)).unwrap();
    for seq in [9_000_000_000, 1 << 40] {
        let reply = ingest.post(INGEST_PATH, &batch_of("n", "b", seq..=seq)).unwrap().json();
        assert!(reply["refused"][0]["reason"].as_str().unwrap().contains("further"), "{reply}");
    }
    assert_eq!(ingest.post(INGEST_PATH, &batch("n", "b", i64::MAX as u64, &[])).unwrap().status, 200);
    assert_eq!(ingest.post(INGEST_PATH, &batch("n", "b", 7, &[])).unwrap().status, 200);
    let gaps = collector.owner().get("/v1/gaps").unwrap().json();
    assert_eq!((&gaps["data"], &gaps["dropped"][0]["dropped"]), (&json!([]), &json!(7)));
    assert_eq!(
        refused(&ingest.post(HEARTBEAT_PATH, &beat("b", 9_000_000_000)).unwrap()),
        (409, "number_too_far".into())
    );
    assert_eq!(ingest.post(INGEST_PATH, &batch_of("n", "b", 150_000..=150_000)).unwrap().json()["stored"], 1);

    let mut proxy = Proxy::new("b");
    proxy.report(&collector, vec![row("team", "search", 5)]);
    let far = Proxy { seq: 1 << 60, ..Proxy::new("b") }.body(vec![row("team", "search", 7)]);
    assert_eq!(refused(&ingest.post(SYNC_PATH, &far).unwrap()), (409, "number_too_far".into()));
    assert_eq!(proxy.report(&collector, vec![row("team", "search", 5)]).rows[0].total, 10, "it goes on");
    told(&collector, "environment-ingest", "number_too_far");
}

#[test]
fn a_token_that_replaces_another_goes_on_with_its_boots() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let (first, text) = token(&mut owner, &json!({"role": "ingest", "name": "proxies"}));
    assert_eq!(collector.with_token(&text).post(INGEST_PATH, &batch_of("n", "b", 1..=3)).unwrap().status, 200);
    let (second, text) = token(&mut owner, &json!({"role": "ingest", "name": "proxies", "replaces": first}));
    assert_eq!(owner.send("DELETE", &format!("/v1/tokens/{first}"), b"").unwrap().status, 200);
    let reply = collector.with_token(&text).post(INGEST_PATH, &batch_of("n", "b", 3..=5)).unwrap();
    assert_eq!((reply.json()["stored"].as_u64(), reply.json()["duplicates"].as_u64()), (Some(2), Some(1)));
    let (_, third) = token(&mut owner, &json!({"role": "ingest", "replaces": second}));
    assert_eq!(collector.with_token(&third).post(INGEST_PATH, &batch_of("n", "b", 6..=6)).unwrap().status, 200);
    let (_, same_name) = token(&mut owner, &json!({"role": "ingest", "name": "proxies"}));
    assert_eq!(collector.with_token(&same_name).post(INGEST_PATH, &batch_of("n", "b", 7..=7)).unwrap().status, 409);
    let (_, of_environment) = token(&mut owner, &json!({"role": "ingest", "replaces": "environment-ingest"}));
    collector.ingest().post(INGEST_PATH, &batch_of("n", "c", 1..=1)).unwrap();
    assert_eq!(
        collector.with_token(&of_environment).post(INGEST_PATH, &batch_of("n", "c", 2..=2)).unwrap().status,
        200
    );
    for bad in [json!({"role": "ingest", "replaces": "tok_none"}), json!({"role": "viewer", "replaces": first})] {
        let reply = owner.post("/v1/tokens", bad.to_string().as_bytes()).unwrap();
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!("replaces")), "{bad}");
    }
}

#[test]
fn a_row_cannot_bring_a_threshold_forward() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut proxy = Proxy::with_rules("b", vec![crate::fleet::budget("team", &[75])]);
    proxy.report(&collector, vec![row("team", "search", 5)]);
    let (start, end) = day();
    let liar = headgate_limits::ReportRow { max: 5, start, end, ..row("team", "search", 1) };
    proxy.report(&collector, vec![liar]);
    let budgets = collector.owner().get("/v1/budgets").unwrap().json();
    assert_eq!((&budgets["data"][0]["max"], &budgets["data"][0]["told"]), (&json!(1_000), &json!([])));
}

#[test]
fn an_entry_of_another_system_names_who_delivered_it() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let (token, mut console) = attacker(&collector);
    let body = json!({"entries": [crate::audit::entry(1)]}).to_string();
    assert_eq!(console.post("/v1/audit", body.as_bytes()).unwrap().json()["stored"], 1);
    let page = collector.owner().get("/v1/audit?sources=console").unwrap().json();
    let by = &page["data"][0]["delivered_by"];
    assert_eq!((&by["id"], &by["name"], &by["address"]), (&json!(token), &json!("other team"), &json!("127.0.0.1")));
    let again = collector.ingest().post("/v1/audit", body.as_bytes()).unwrap().json();
    assert_eq!(again["duplicates"], 1, "the same entry, whoever brings it: {again}");
    for (name, value) in [
        ("revision", json!(7)),
        ("delivered_by", json!({"id": "tok_x"})),
        ("source", json!("Collector")),
        ("source", json!("c\u{43e}llector")),
        ("source", json!("collector\u{200b}")),
        ("source", json!("\u{ff43}ollector")),
    ] {
        let mut bad = crate::audit::entry(2);
        bad[name] = value;
        let body = json!({"entries": [bad]}).to_string();
        let reply = console.post("/v1/audit", body.as_bytes()).unwrap().json();
        assert_eq!(reply["refused"].as_array().unwrap().len(), 1, "{name}: {reply}");
    }
    let mut odd = crate::audit::entry(3);
    odd["actor"]["id"] = json!("\u{202e}nimda\u{200b}\u{9b}");
    crate::audit::post(&collector, &[odd]);
    let page = collector.owner().get("/v1/audit?sources=console&limit=1").unwrap();
    assert!(page.text().contains(r"\u202enimda\u200b\u009b"), "{}", page.text());
}

#[test]
fn no_search_hides_behind_another_one() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let (auditor, text) = token(&mut collector.owner(), &json!({"role": "auditor"}));
    let mut looking = collector.with_token(&text);
    let long = "x".repeat(900);
    for path in [
        format!("/v1/requests?owner={long}&team=secret-team"),
        format!("/v1/requests?owner={long}&team=secret-team&limit=1"),
        "/v1/requests?status=200".to_owned(),
        "/v1/requests/facets?key_id=somebody".to_owned(),
        "/v1/requests.csv?key_id=somebody".to_owned(),
        "/v1/usage?owner=somebody".to_owned(),
        "/v1/usage.csv?owner=somebody".to_owned(),
        "/v1/budgets?subject=somebody".to_owned(),
        "/v1/gaps?node=somebody".to_owned(),
        "/v1/audit?resource_ids[]=somebody".to_owned(),
    ] {
        assert_eq!(looking.get(&path).unwrap().status, 200, "{path}");
    }
    let path = format!("/v1/audit?actor_ids[]={auditor}&limit=100");
    let log = collector.owner().get(&path).unwrap().json();
    let names: Vec<_> =
        log["data"].as_array().unwrap().iter().map(|entry| entry["resource"]["name"].as_str()).collect();
    assert!(
        names
            .iter()
            .flatten()
            .any(|name| name.contains("…(+644 characters, sha256 ") && name.ends_with("team=secret-team"))
    );
    assert!(names.contains(&Some("status=200")));
    let of_somebody = names.iter().flatten().filter(|name| name.ends_with("=somebody")).count();
    assert_eq!(of_somebody, 7, "{log}");
}
