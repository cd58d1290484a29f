//! Limits of one valid ingest token: it cannot take, mask or pre-empt the records of others, or make numbers leap.

use crate::any_store::fleet::{Proxy, day, row};
use crate::client::{Client, Reply};
use crate::patience::eventually;
use crate::process::Collector;
use crate::records::{batch, batch_of, id, record};
use headgate_limits::SYNC_PATH;
use headgate_record::{HEARTBEAT_PATH, INGEST_PATH};
use serde_json::{Value, json};

/// Creates a token; returns its id and its text.
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

/// Waits for an audit entry with this code about conflicts of a token.
fn told(collector: &Collector, token: &str, code: &str) -> Value {
    eventually("the audit log is told", || {
        let path = format!("/v1/audit?event_types[]=ingest.conflict&actor_ids[]={token}");
        let log = collector.owner().get(&path).unwrap().json();
        // The log does not know the actor before it has an entry of it.
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
    // The boot's owner goes on undisturbed.
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
fn other_content_under_a_number_is_evidence() {
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
    // An id that the same sender gave to another record is refused, reported, and leaves a gap.
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
fn a_learned_id_keeps_no_record_out() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let (token, mut other) = attacker(&collector);
    let stolen = |boot: &str, seq: u64| {
        let mut stolen = record("elsewhere", boot, seq);
        stolen.id = id("b", 1);
        batch("elsewhere", boot, 0, &[serde_json::to_string(&stolen).unwrap()])
    };
    assert_eq!(other.post(INGEST_PATH, &stolen("x", 1)).unwrap().json()["stored"], 1);
    let own = batch_of("n", "b", 1..=3);
    assert_eq!(collector.ingest().post(INGEST_PATH, &own).unwrap().json()["stored"], 3);
    assert_eq!(collector.ingest().post(INGEST_PATH, &own).unwrap().json()["duplicates"], 3, "repeats are known");
    let refused = other.post(INGEST_PATH, &stolen("y", 1)).unwrap().json();
    assert_eq!(refused["refused"].as_array().unwrap().len(), 1, "a sender gives an id once: {refused}");
    let mut owner = collector.owner();
    let gaps = owner.get("/v1/gaps").unwrap().json();
    assert!(gaps["data"].as_array().unwrap().iter().all(|gap| gap["boot"] != "b"), "{gaps}");
    let found = owner.get(&format!("/v1/requests?id={}", id("b", 1))).unwrap().json();
    let boots: Vec<_> = found["data"].as_array().unwrap().iter().map(|one| one["boot"].clone()).collect();
    assert_eq!(boots, ["b", "x"], "both are shown");
    for path in ["", "/policy"] {
        let one = owner.get(&format!("/v1/requests/{}{path}", id("b", 1))).unwrap();
        assert_eq!((one.status, &one.json()["error"]["code"]), (409, &json!("several_requests")));
    }
    let entry = told(&collector, "environment-ingest", "id_of_another_token");
    assert_eq!((&entry["outcome"], &entry["changes"][0]["path"]), (&json!("success"), &json!("stored")));
    told(&collector, &token, "id_taken");
}

#[test]
fn a_heartbeat_speaks_for_its_own_proxy_alone() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    assert_eq!(collector.ingest().post(HEARTBEAT_PATH, &beat("b", 9)).unwrap().status, 204);
    let (token, mut other) = attacker(&collector);
    let far = "ffffffff-ffff-7fff-bfff-ffffffffffff";
    for (boot, uptime, ending) in [(far, u64::MAX, false), ("z", 0, true), ("zz", u64::MAX, true)] {
        let beat = json!({"node": "n", "boot": boot, "version": "9", "config_revision": "other", "uptime_s": uptime,
            "queued": 0, "dropped": 0, "last_seq": 0, "ending": ending});
        assert_eq!(other.post(HEARTBEAT_PATH, beat.to_string().as_bytes()).unwrap().status, 204);
    }
    let planes = collector.owner().get("/v1/dataplanes").unwrap().json();
    let of = |sender: &str| {
        let planes = planes["data"].as_array().unwrap();
        let mut own = planes.iter().filter(|plane| plane["workers"][0]["sender"] == sender);
        (own.next().unwrap().clone(), own.count())
    };
    let (own, more) = of("environment-ingest");
    assert_eq!((&own["state"], &own["config_revisions"], more), (&json!("live"), &json!(["r"]), 0));
    assert_eq!((own["workers"].as_array().unwrap().len(), &own["workers"][0]["state"]), (1, &json!("live")));
    assert_eq!(of(&token).0["workers"].as_array().unwrap().len(), 3);
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
fn a_replacing_token_goes_on_with_the_boots() {
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
    let mut proxy = Proxy::with_rules("b", vec![crate::any_store::fleet::budget("team", &[75])]);
    proxy.report(&collector, vec![row("team", "search", 5)]);
    let (start, end) = day();
    let liar = headgate_limits::ReportRow { max: 5, start, end, ..row("team", "search", 1) };
    proxy.report(&collector, vec![liar]);
    let budgets = collector.owner().get("/v1/budgets").unwrap().json();
    assert_eq!((&budgets["data"][0]["max"], &budgets["data"][0]["told"]), (&json!(1_000), &json!([])));
}

#[test]
fn rules_come_from_the_policy_that_was_put() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let policy = crate::any_store::policy::POLICY
        .replace("{id: month, usd: 500, period: month}", "{id: team, usd: 1, period: day, per: [team], warn_at: [75]}");
    let tried = owner.send_with("PUT", "/v1/policy?dry_run=true", "if-none-match: *\r\n", policy.as_bytes()).unwrap();
    let revision = tried.json()["config_revision"].as_str().unwrap().to_owned();
    let (_, mut other) = attacker(&collector);
    let mut forge = |boot: &str, revision: &str| {
        let mut rule = crate::any_store::fleet::budget("team", &[1, 75]);
        rule.meters[0].max = 1;
        let mut liar = Proxy { revision: revision.to_owned(), seq: 1, ..Proxy::with_rules(boot, vec![rule]) };
        let reply = other.post(SYNC_PATH, &liar.body(Vec::new())).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        liar.seq = 2;
        let (start, end) = day();
        let row = headgate_limits::ReportRow { max: 1, start, end, ..row("team", "search", 1) };
        assert_eq!(other.post(SYNC_PATH, &liar.body(vec![row])).unwrap().status, 200);
        reply.json()["rules_wanted"].clone()
    };
    forge("before", &revision);
    let put = crate::any_store::policy::put(&mut owner, 0, &policy);
    assert_eq!(put.json()["config_revision"], json!(revision), "{}", put.text());
    let mut proxy = Proxy { revision: revision.clone(), ..Proxy::new("b") };
    proxy.report(&collector, vec![row("team", "ads", 5)]);
    assert_ne!(forge("known", &revision), json!(true), "nobody's rules are asked for");
    assert_ne!(forge("unknown", "another"), json!(true));
    let budgets = crate::any_store::fleet::listed(&collector, "/v1/budgets?subject=ads");
    assert_eq!((&budgets[0]["max"], &budgets[0]["told"]), (&json!(1_000_000_000), &json!([])));
    proxy.report(&collector, vec![row("team", "search", 760_000_000)]);
    let budgets = crate::any_store::fleet::listed(&collector, "/v1/budgets?subject=search");
    assert_eq!(budgets[0]["max"], json!(1_000_000_000));
}

#[test]
fn an_audit_id_that_is_taken_is_evidence() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let (token, mut other) = attacker(&collector);
    crate::any_store::audit::post(&collector, &[crate::any_store::audit::entry(1)]);
    let mut false_one = crate::any_store::audit::entry(1);
    let id = false_one["id"].clone();
    false_one["type"] = json!("user.deleted");
    let reply = other.post("/v1/audit", json!({"entries": [false_one]}).to_string().as_bytes()).unwrap();
    assert_eq!(reply.json()["refused"].as_array().unwrap().len(), 1, "{}", reply.text());
    let told = told(&collector, &token, "audit_id_taken");
    assert_eq!((&told["resource"], &told["outcome"]), (&json!({"kind": "audit_entry", "id": id}), &json!("denied")));
}

#[test]
fn an_external_entry_names_its_deliverer() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let (token, mut console) = attacker(&collector);
    let body = json!({"entries": [crate::any_store::audit::entry(1)]}).to_string();
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
        let mut bad = crate::any_store::audit::entry(2);
        bad[name] = value;
        let body = json!({"entries": [bad]}).to_string();
        let reply = console.post("/v1/audit", body.as_bytes()).unwrap().json();
        assert_eq!(reply["refused"].as_array().unwrap().len(), 1, "{name}: {reply}");
    }
    let mut odd = crate::any_store::audit::entry(3);
    odd["actor"]["id"] = json!("\u{202e}nimda\u{200b}\u{9b}");
    crate::any_store::audit::post(&collector, &[odd]);
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
