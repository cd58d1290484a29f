//! Policy revisions: the right to put one in force, its base revision, and its audit entries.

use crate::client::{Client, PATIENCE, Reply};
use crate::process::{Collector, OWNER};
use crate::random::{Random, rounds};
use crate::records::{batch, id, record};
use headgate_config::{compile, diagnostic};
use headgate_record::{INGEST_PATH, RequestRecord};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

mod hostile;
mod incident;

pub(crate) const POLICY: &str = r#"environment: test
listen: 127.0.0.1:8080
providers:
  alpha: {format: openai, url: "https://alpha.example/v1", credential: "${ALPHA_KEY}"}
models:
  chat: {targets: [{provider: alpha, model: gpt-5, weight: 3}]}
budgets:
  - {id: month, usd: 500, period: month}
keys:
  - {id: alice, sha256: "aa11223344556677889900aabbccddeeff11223344556677889900aabbccddee", owner: alice}
"#;

/// Puts a policy in force; `base` is 0 for the first.
pub(crate) fn put(client: &mut Client, base: i64, text: &str) -> Reply {
    client.send_with("PUT", "/v1/policy", &made_from(base), text.as_bytes()).unwrap()
}

fn made_from(base: i64) -> String {
    if base == 0 { "if-none-match: *\r\n".to_owned() } else { format!("if-match: \"{base}\"\r\n") }
}

fn roll_back(client: &mut Client, base: i64, to: i64) -> Reply {
    let body = json!({"to": to}).to_string();
    client.send_with("POST", "/v1/policy/rollback", &made_from(base), body.as_bytes()).unwrap()
}

fn get(client: &mut Client, path: &str) -> Value {
    let reply = client.get(path).unwrap();
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.json()
}

fn config_revision(text: &str) -> String {
    compile(text, "gateway.yaml", 1_767_225_600).unwrap().document.revision
}

/// Returns the audit entries of a revision, oldest first.
fn entries_of(client: &mut Client, number: i64) -> Vec<Value> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let page = get(client, &format!("/v1/audit?revision={number}&order=asc&limit=100{after}"));
        found.extend(page["data"].as_array().unwrap().iter().cloned());
        if page["has_more"] != true {
            return found;
        }
        after = format!("&after={}", page["next"].as_str().unwrap());
    }
}

fn types(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["type"].as_str().unwrap()).collect()
}

#[test]
fn each_changed_resource_has_an_audit_entry() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    assert_eq!(owner.get("/v1/policy").unwrap().status, 404);
    let first = put(&mut owner, 0, POLICY);
    assert_eq!((first.status, first.header("etag")), (200, Some("\"1\"")), "{}", first.text());
    assert_eq!(first.json()["config_revision"], config_revision(POLICY));
    let created =
        ["policy.created", "settings.created", "provider.created", "model.created", "budget.created", "key.created"];
    assert_eq!(types(&entries_of(&mut owner, 1)), created);
    let all = get(&mut owner, "/v1/audit?limit=100");
    let named = all["data"].as_array().unwrap().iter().filter(|entry| entry["revision"] == 1).count();
    assert_eq!(named, created.len(), "no entry of it is missed");

    let changed = POLICY.replace("weight: 3", "weight: 4").replace("alice}", "alice, disabled: true}");
    let changed = changed.replace("budgets:\n  - {id: month, usd: 500, period: month}\n", "");
    let second = put(&mut owner, 1, &changed);
    assert_eq!((second.status, &second.json()["number"], &second.json()["total"]), (200, &json!(2), &json!(3)));
    let entries = entries_of(&mut owner, 2);
    assert_eq!(types(&entries), ["policy.updated", "model.updated", "key.updated", "budget.deleted"]);
    assert_eq!(entries[1]["resource"], json!({"kind": "model", "id": "chat"}));
    assert_eq!(entries[1]["changes"], json!([{"path": "targets.0.weight", "before": 3, "after": 4}]));
    assert_eq!(entries[1]["actor"]["id"], "environment-owner");
    assert_eq!(entries[0]["changes"][1], json!({"path": "number", "before": 1, "after": 2}));

    let now = owner.get("/v1/policy").unwrap();
    assert_eq!((now.header("etag"), &now.json()["in_force"]), (Some("\"2\""), &json!(true)));
    assert_eq!(now.json()["by"]["address"], "127.0.0.1");
    assert!(now.text().contains("${ALPHA_KEY}") && !now.text().contains("aa112233"), "{}", now.text());
    let by_name = get(&mut owner, &format!("/v1/policy/{}", config_revision(POLICY)));
    assert_eq!((&by_name["number"], &by_name["in_force"]), (&json!(1), &json!(false)));
    let diff = get(&mut owner, "/v1/policy/2/diff");
    assert_eq!((&diff["from"]["number"], &diff["changes"]), (&json!(1), &second.json()["changes"]));
    let back = get(&mut owner, "/v1/policy/1/diff?from=2");
    assert_eq!(back["changes"][1]["type"], "budget.created");
    assert_eq!(owner.get("/v1/policy/2/gateway.yaml").unwrap().text(), changed);
    let read = get(
        &mut owner,
        "/v1/audit?event_types[]=policy.read&event_types[]=policy.compared&event_types[]=policy.exported",
    );
    assert_eq!(
        types(read["data"].as_array().unwrap()),
        ["policy.exported", "policy.compared", "policy.compared", "policy.read", "policy.read"]
    );
}

#[test]
fn a_very_large_change_has_all_its_entries() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let keys = (0..3_000).map(|number| format!("  - {{id: k{number}, sha256: \"{number:064}\", owner: o{number}}}\n"));
    let put = put(&mut owner, 0, &format!("{POLICY}{}", keys.collect::<String>()));
    assert_eq!((put.status, &put.json()["total"], &put.json()["has_more"]), (200, &json!(3_005), &json!(true)));
    assert_eq!(put.json()["counts"], json!({"created": 3_005, "updated": 0, "deleted": 0}));
    assert_eq!(put.json()["changes"].as_array().unwrap().len(), 1_000);
    let entries = entries_of(&mut owner, 1);
    let keys =
        entries.iter().filter_map(|entry| entry["resource"]["id"].as_str()?.strip_prefix('k')?.parse::<u32>().ok());
    assert!(keys.eq(0..3_000));
    let found = get(&mut owner, "/v1/audit?resource_ids[]=k2999&event_types[]=key.created");
    assert_eq!(found["data"], json!([entries.last()]));
    let id = entries[1_500]["id"].as_str().unwrap();
    assert_eq!(get(&mut owner, &format!("/v1/audit/{id}")), entries[1_500]);
}

#[test]
fn only_a_different_text_makes_a_revision() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    put(&mut owner, 0, POLICY);
    // Also when the first answer was lost and the same request is sent again.
    for base in [0, 1] {
        let again = put(&mut owner, base, POLICY);
        assert_eq!((again.status, &again.json()["changed"], &again.json()["number"]), (200, &json!(false), &json!(1)));
    }
    let commented = put(&mut owner, 1, &format!("# why\n{POLICY}"));
    assert_eq!((commented.status, &commented.json()["total"]), (200, &json!(0)));
    assert_eq!(commented.json()["config_revision"], config_revision(POLICY));
    assert_eq!(types(&entries_of(&mut owner, 2)), ["policy.updated"]);
    let other = POLICY.replace("weight: 3", "weight: 5");
    let headers = made_from(2);
    let dry = owner.send_with("PUT", "/v1/policy?dry_run=true", &headers, other.as_bytes()).unwrap();
    assert_eq!((dry.status, &dry.json()["changes"][0]["type"]), (200, &json!("model.updated")), "{}", dry.text());
    assert_eq!(get(&mut owner, "/v1/policy")["number"], 2);
    assert!(entries_of(&mut owner, 3).is_empty());
    let path = "/v1/policy?config_revision=0123456789abcdef";
    let differs = owner.send_with("PUT", path, &headers, other.as_bytes()).unwrap();
    assert_eq!((differs.status, &differs.json()["error"]["code"]), (409, &json!("other_version")));
    let path = format!("/v1/policy?config_revision={}", config_revision(&other));
    assert_eq!(owner.send_with("PUT", &path, &headers, other.as_bytes()).unwrap().status, 200);
}

#[test]
fn a_change_of_an_old_base_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let other = |weight: u32| POLICY.replace("weight: 3", &format!("weight: {weight}"));
    let none = put(&mut owner, 4, POLICY);
    assert_eq!((none.status, &none.json()["in_force"]), (412, &Value::Null), "{}", none.text());
    put(&mut owner, 0, POLICY);
    put(&mut owner, 1, &other(4));
    for base in [0, 1, 3, 99] {
        let refused = put(&mut owner, base, &other(5));
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (412, &json!("policy_moved_on")), "{base}");
        assert_eq!(refused.json()["in_force"]["number"], 2);
        let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(
            message.contains("Revision 2 is in force since 20") && message.contains("environment-owner"),
            "{message}"
        );
        assert_eq!(roll_back(&mut owner, base, 1).status, 412);
    }
    for (headers, status) in [
        ("", 428),
        ("if-match: *\r\n", 400),
        ("if-match: \"1\", \"2\"\r\n", 400),
        ("if-none-match: \"2\"\r\n", 400),
        ("if-none-match: *\r\nif-match: \"2\"\r\n", 400),
    ] {
        let reply = owner.send_with("PUT", "/v1/policy", headers, other(5).as_bytes()).unwrap();
        assert_eq!(reply.status, status, "{headers}: {}", reply.text());
    }
    assert_eq!(get(&mut owner, "/v1/policy")["number"], 2);
}

/// Adds a key to the policy in force, and retries until no other operator was first.
fn add_key(address: SocketAddr, id: &str) {
    let mut client = Client::connect(address, OWNER).unwrap();
    loop {
        let current = client.get("/v1/policy").unwrap();
        let number = current.json()["number"].as_i64().unwrap();
        let text = client.get(&format!("/v1/policy/{number}/gateway.yaml")).unwrap().text();
        let digest = format!("{:0>64}", id.bytes().map(|byte| format!("{byte:02x}")).collect::<String>());
        let reply = put(&mut client, number, &format!("{text}  - {{id: {id}, sha256: \"{digest}\"}}\n"));
        match reply.status {
            200 => return,
            412 => {}
            status => panic!("{status}: {}", reply.text()),
        }
    }
}

#[test]
fn concurrent_operators_undo_no_change() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    put(&mut owner, 0, POLICY);
    let address = collector.address;
    let operators: Vec<_> = (0..6)
        .map(|operator| thread::spawn(move || (0..5).for_each(|key| add_key(address, &format!("k{operator}-{key}")))))
        .collect();
    operators.into_iter().for_each(|operator| operator.join().unwrap());
    assert_eq!(get(&mut owner, "/v1/policy")["number"], 31);
    let text = owner.get("/v1/policy/31/gateway.yaml").unwrap().text();
    for (operator, key) in (0..6).flat_map(|operator| (0..5).map(move |key| (operator, key))) {
        assert_eq!(text.matches(&format!("id: k{operator}-{key},")).count(), 1);
    }
    let (mut numbers, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(&mut owner, &format!("/v1/policy/revisions?limit=7{after}"));
        numbers.extend(page["data"].as_array().unwrap().iter().map(|one| one["number"].as_i64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(numbers, (1..=31).rev().collect::<Vec<_>>());
    for number in 2..=31 {
        assert_eq!(types(&entries_of(&mut owner, number)), ["policy.updated", "key.created"]);
    }
}

#[test]
fn a_rollback_is_a_further_revision() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    put(&mut owner, 0, POLICY);
    put(&mut owner, 1, &POLICY.replace("usd: 500", "usd: 5"));
    let back = roll_back(&mut owner, 2, 1);
    assert_eq!((back.status, &back.json()["number"], &back.json()["restores"]), (200, &json!(3), &json!(1)));
    assert_eq!(back.json()["config_revision"], config_revision(POLICY));
    let entries = entries_of(&mut owner, 3);
    assert_eq!(types(&entries), ["policy.rolled_back", "budget.updated"]);
    assert_eq!(entries[1]["changes"], json!([{"path": "usd", "before": "5", "after": "500"}]));
    assert_eq!(owner.get("/v1/policy/3/gateway.yaml").unwrap().text(), POLICY);
    assert_eq!(
        get(&mut owner, &format!("/v1/policy/{}", config_revision(POLICY)))["number"],
        3,
        "the latest of the name"
    );
    let nothing = roll_back(&mut owner, 3, 1);
    assert_eq!((nothing.status, &nothing.json()["changed"]), (200, &json!(false)));
    assert_eq!(roll_back(&mut owner, 3, 9).status, 404);
    for body in ["", "{}", r#"{"to":"1"}"#, r#"{"to":1,"x":2}"#] {
        let reply = owner.send_with("POST", "/v1/policy/rollback", &made_from(3), body.as_bytes()).unwrap();
        assert_eq!(reply.status, 400, "{body}");
    }
}

/// Changes the policy until the connection breaks; sends each acknowledged number, and returns the last one.
fn change_until_killed(address: SocketAddr, mut number: i64, told: &Sender<i64>) -> i64 {
    let Ok(mut client) = Client::connect(address, OWNER) else { return number };
    loop {
        // 50 budgets change each time: a transaction of 51 entries.
        let budgets = (0..50).map(|id| format!("  - {{id: b{id}, usd: {}, period: month}}\n", number + 1));
        let text = format!(
            "{}budgets:\n{}",
            POLICY.replace("budgets:\n  - {id: month, usd: 500, period: month}\n", ""),
            budgets.collect::<String>()
        );
        let reply = client.send_with("PUT", "/v1/policy", &made_from(number), text.as_bytes());
        match reply {
            Ok(reply) if reply.status == 200 => {
                number = reply.json()["number"].as_i64().unwrap();
                // The receiver is gone once the process is to be killed.
                let _ = told.send(number);
            }
            // The previous change is in force although its acknowledgement was lost.
            Ok(reply) if reply.status == 412 => number = reply.json()["in_force"]["number"].as_i64().unwrap(),
            _ => return number,
        }
    }
}

/// Number of lives of the process, and in a soak.
const LIVES: (u64, u64) = (4, 12);

#[test]
fn kills_split_no_revision_from_its_entries() {
    let root = tempfile::tempdir().unwrap();
    let mut random = Random::seeded(Random::seed("HEADGATE_KILL_SEED"));
    let (mut acknowledged, lives) = (0, rounds(LIVES.0, LIVES.1));
    for _ in 0..lives {
        let collector = Collector::start(root.path());
        let (address, (told, changes)) = (collector.address, channel());
        let operator = thread::spawn(move || change_until_killed(address, acknowledged, &told));
        // Independent of the machine's speed: each life makes a change and ends during the next one or the one after that.
        let begun = Instant::now();
        changes.recv_timeout(PATIENCE).unwrap();
        thread::sleep(begun.elapsed().mul_f64(random.below(2_000) as f64 / 1_000.0));
        collector.kill();
        acknowledged = operator.join().unwrap();
    }
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let last = get(&mut owner, "/v1/policy")["number"].as_i64().unwrap();
    assert!(last == acknowledged || last == acknowledged + 1, "{last} {acknowledged}");
    assert!(last >= lives as i64, "each life made a change: {last}");
    assert!(entries_of(&mut owner, last + 1).is_empty());
    for number in (2..=last).rev().take(20).chain([1]) {
        let entries = entries_of(&mut owner, number);
        let kinds = types(&entries).iter().filter(|kind| kind.starts_with("budget.")).count();
        assert_eq!(kinds, 50, "of revision {number}");
        assert_eq!(owner.get(&format!("/v1/policy/{number}/gateway.yaml")).unwrap().status, 200);
    }
}
