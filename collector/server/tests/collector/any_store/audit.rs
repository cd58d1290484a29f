//! The audit log: entries of other systems, the collector's own entries, and reading.

use crate::client::Client;
use crate::process::Collector;
use crate::records::{batch_of, id};
use headgate_record::INGEST_PATH;
use serde_json::{Value, json};

const AUDIT: &str = "/v1/audit";

/// Returns an entry of another system; successive ones are a second apart.
pub(crate) fn entry(number: u64) -> Value {
    json!({
        "id": id("audit", number),
        "type": if number.is_multiple_of(2) { "user.added" } else { "key.created" },
        "time": (1_767_225_600 + number) * 1_000_000,
        "actor": {"id": format!("admin-{}", number % 3), "kind": "user", "address": "192.0.2.7", "user_agent": "console"},
        "operation": "create",
        "resource": {"kind": "key", "id": format!("key-{number}"), "name": "Alice's laptop"},
        "changes": [{"path": "models", "after": ["chat"]}],
        "outcome": "success",
        "source": "console",
    })
}

pub(crate) fn post(collector: &Collector, entries: &[Value]) -> Value {
    let body = json!({"entries": entries}).to_string();
    let reply = collector.ingest().post(AUDIT, body.as_bytes()).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn get(client: &mut Client, query: &str) -> Value {
    let reply = client.get(&format!("{AUDIT}?{query}")).unwrap();
    assert_eq!(reply.status, 200, "{query}: {}", reply.text());
    reply.json()
}

/// Returns the numbers of the entries that [`entry`] made.
fn numbers(page: &Value) -> Vec<u64> {
    let ids = page["data"].as_array().unwrap().iter().filter(|entry| entry["source"] == "console");
    ids.map(|entry| entry["resource"]["id"].as_str().unwrap()[4..].parse().unwrap()).collect()
}

/// Returns the numbers of all entries that [`entry`] made, in the log's order.
pub(crate) fn everything(collector: &Collector) -> Vec<u64> {
    let mut owner = collector.owner();
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(&mut owner, &format!("order=asc&limit=100&sources=console{after}"));
        found.extend(numbers(&page));
        if page["has_more"] != true {
            return found;
        }
        after = format!("&after={}", page["next"].as_str().unwrap());
    }
}

fn types(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|entry| entry["type"].as_str().unwrap()).collect()
}

#[test]
fn entries_are_stored_once_and_filtered() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let entries: Vec<_> = (1..=6).map(entry).collect();
    assert_eq!(post(&collector, &entries), json!({"stored": 6, "duplicates": 0, "refused": []}));
    assert_eq!(post(&collector, &entries[2..])["duplicates"], 4);
    let mut other = entry(1);
    other["outcome"] = json!("failure");
    assert!(post(&collector, &[other])["refused"][0]["reason"].as_str().unwrap().starts_with("conflict"));
    let cases: [(&str, &[u64]); 12] = [
        ("sources[]=console", &[6, 5, 4, 3, 2, 1]),
        ("event_types[]=user.added", &[6, 4, 2]),
        ("event_types[]=user.added&event_types[]=key.created&order=asc", &[1, 2, 3, 4, 5, 6]),
        ("event_types[]=nothing.known", &[]),
        ("actor_ids[]=admin-1", &[4, 1]),
        ("actor_ids[]=admin-1&event_types[]=key.created", &[1]),
        ("resource_ids%5B%5D=key-3", &[3]),
        ("resource_ids=key-3&resource_ids=key-5", &[5, 3]),
        ("sources=console&effective_at[gte]=1767225604", &[6, 5, 4]),
        ("sources=console&effective_at[gt]=1767225604&effective_at[lte]=1767225605", &[5]),
        ("sources=console&effective_at[lt]=2026-01-01T00:00:03Z", &[2, 1]),
        ("sources=console&effective_at[lt]=1767225603000000", &[2, 1]),
    ];
    let mut owner = collector.owner();
    for (query, expected) in cases {
        assert_eq!(numbers(&get(&mut owner, query)), expected, "{query}");
    }
}

#[test]
fn pages_work_by_id_as_in_openais_api() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    post(&collector, &(1..=9).map(entry).collect::<Vec<_>>());
    let mut owner = collector.owner();
    let first = get(&mut owner, "sources=console&limit=4");
    assert_eq!((numbers(&first), &first["has_more"]), (vec![9, 8, 7, 6], &json!(true)));
    assert_eq!((&first["object"], &first["first_id"]), (&json!("list"), &first["data"][0]["id"]));
    let after = |page: &Value| format!("sources=console&limit=4&after={}", page["last_id"].as_str().unwrap());
    let second = get(&mut owner, &after(&first));
    assert_eq!(numbers(&second), [5, 4, 3, 2]);
    let third = get(&mut owner, &after(&second));
    assert_eq!((numbers(&third), &third["has_more"], &third["next"]), (vec![1], &json!(false), &Value::Null));
    let back = format!("sources=console&limit=3&before={}", second["last_id"].as_str().unwrap());
    let back = get(&mut owner, &back);
    assert_eq!((numbers(&back), &back["has_more"]), (vec![5, 4, 3], &json!(true)));
    let unknown = owner.get(&format!("{AUDIT}?after={}", id("nobody", 1))).unwrap();
    assert_eq!((unknown.status, &unknown.json()["error"]["param"]), (404, &json!("after")));
}

#[test]
fn following_the_log_skips_no_late_entry() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let mut cursor = String::new();
    let mut seen = Vec::new();
    for round in 0..6_u64 {
        // The times run backwards: each entry is older than those already read.
        post(&collector, &[entry(100 - round * 2), entry(99 - round * 2)]);
        loop {
            let page = get(&mut owner, &format!("order=asc&limit=1&sources=console{cursor}"));
            seen.extend(numbers(&page));
            cursor = format!("&after={}", page["next"].as_str().unwrap());
            if page["has_more"] != true {
                break;
            }
        }
    }
    assert_eq!(seen, (89..=100).rev().collect::<Vec<_>>());
}

#[test]
fn a_bad_entry_is_refused_alone_and_unquoted() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let cases = [
        ("schema", json!(2)),
        ("id", json!("nonsense-CANARY")),
        ("type", json!("CANARY X")),
        ("time", json!(0)),
        ("operation", json!("CANARY")),
        ("outcome", json!("CANARY")),
        ("source", json!("collector")),
        ("source", json!("")),
        ("actor", json!({"id": "x".repeat(257), "kind": "user"})),
        ("resource", json!({"kind": "key", "id": "k", "CANARY": 1})),
        ("prompt", json!("CANARY")),
        ("changes", json!(vec![json!({"path": "a"}); 257])),
        ("changes", json!([{"path": "a", "after": "x".repeat(70_000)}])),
    ];
    let mut entries: Vec<Value> = Vec::new();
    for (name, value) in &cases {
        let mut bad = entry(1);
        bad[*name] = value.clone();
        entries.push(bad);
    }
    entries.push(entry(2));
    let reply = post(&collector, &entries);
    assert_eq!((&reply["stored"], reply["refused"].as_array().unwrap().len()), (&json!(1), cases.len()), "{reply}");
    assert!(!reply.to_string().contains("CANARY"));
    for body in ["", "{}", "[]", r#"{"entries":{}}"#, r#"{"entries":[],"x":1}"#] {
        assert_eq!(collector.ingest().post(AUDIT, body.as_bytes()).unwrap().status, 400, "{body}");
    }
}

#[test]
fn a_secret_in_a_change_is_masked() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut leaky = entry(1);
    leaky["changes"] = json!([
        {"path": "providers.openai.credential", "before": "CANARY-1", "after": "${OPENAI_API_KEY}"},
        {"path": "providers.openai", "after": {"headers": [{"Api-Key": "CANARY-2"}], "url": "https://x"}},
    ]);
    assert_eq!(post(&collector, &[leaky])["stored"], 1);
    let page = get(&mut collector.owner(), "sources=console");
    let changes = &page["data"][0]["changes"];
    assert_eq!(
        changes[0],
        json!({"path": "providers.openai.credential", "before": "[masked]", "after": "${OPENAI_API_KEY}"})
    );
    assert_eq!(changes[1]["after"]["headers"][0]["Api-Key"], "[masked]");
    assert_eq!(changes[1]["after"]["url"], "https://x");
    assert!(collector.terminate().success());
    crate::store::assert_nowhere(root.path(), "CANARY");
}

#[test]
fn credentials_are_masked_in_every_field() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let provider = format!("sk-proj-{}", "a1B2c3D4e5".repeat(6));
    let body = json!({"role": "auditor", "name": format!("Alice {provider}")}).to_string();
    let token =
        collector.owner().post("/v1/tokens", body.as_bytes()).unwrap().json()["token"].as_str().unwrap().to_owned();
    let mut leaky = entry(1);
    leaky["changes"] =
        json!([{"path": "note", "before": format!("was {provider}"), "after": [format!("https://x/?t={token}")]}]);
    assert_eq!(post(&collector, &[leaky])["stored"], 1);
    let mut auditor = collector.with_token(&token);
    for path in ["/v1/requests", "/v1/requests.csv"] {
        let found = auditor.get(&format!("{path}?status=200&q={provider}")).unwrap();
        assert_eq!(found.status, 200, "{}", found.text());
    }
    let log = get(&mut collector.owner(), "limit=100");
    let entry = |kind: &str| log["data"].as_array().unwrap().iter().find(|entry| entry["type"] == kind).unwrap();
    let changes = &entry("key.created")["changes"][0];
    assert_eq!((&changes["before"], &changes["after"]), (&json!("[masked]"), &json!(["[masked]"])));
    assert_eq!(entry("requests.searched")["resource"]["name"], "status=200&q=[masked]");
    assert_eq!(entry("requests.exported")["resource"]["name"], "csv status=200&q=[masked]");
    assert_eq!(entry("requests.exported")["actor"]["name"], "Alice [masked]", "who it was, in words");
    assert!(collector.terminate().success());
    crate::store::assert_nowhere(root.path(), &provider);
    crate::store::assert_nowhere(root.path(), &token);
}

#[test]
fn reads_are_recorded_and_searches_folded() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=1)).unwrap();
    let mut owner = collector.owner();
    for status in 200..280 {
        assert_eq!(owner.get(&format!("/v1/requests?status={status}")).unwrap().status, 200);
        assert_eq!(owner.get(&format!("/v1/requests?status={status}&limit=1")).unwrap().status, 200);
    }
    assert_eq!(owner.get(&format!("/v1/requests/{}", id("b", 1))).unwrap().status, 200);
    assert!(collector.terminate().success());
    let collector = Collector::start(root.path());
    let mut entries = Vec::new();
    let mut after = String::new();
    loop {
        let page = get(&mut collector.owner(), &format!("order=asc&limit=100&actor_ids[]=environment-owner{after}"));
        entries.extend(page["data"].as_array().unwrap().clone());
        after = format!("&after={}", page["next"].as_str().unwrap());
        if page["has_more"] != true {
            break;
        }
    }
    let page = json!({"data": entries});
    let searches: Vec<_> =
        page["data"].as_array().unwrap().iter().filter(|e| e["type"] == "requests.searched").collect();
    let told: u64 = searches.iter().map(|entry| entry["count"].as_u64().unwrap_or(1)).sum();
    assert_eq!(told, 160);
    for status in 200..280 {
        let name = format!("status={status}");
        assert!(searches.iter().any(|entry| entry["resource"]["name"] == name.as_str()), "{name}: {page}");
    }
    assert!(searches.len() > 80, "pages of one search are folded: {}", searches.len());
    assert_eq!(searches[0]["resource"], json!({"kind": "log", "id": "requests", "name": "status=200"}));
    assert_eq!(searches[0]["actor"]["address"], "127.0.0.1");
    let read = page["data"].as_array().unwrap().iter().find(|entry| entry["type"] == "request.read").unwrap();
    assert_eq!(read["resource"]["id"], id("b", 1));
    assert!(types(&page).contains(&"audit.searched"), "looking at the audit log is on record in it");
    let one = collector.owner().get(&format!("{AUDIT}/{}", read["id"].as_str().unwrap())).unwrap();
    assert_eq!(one.json(), *read);
}

#[test]
fn hostile_texts_are_kept_as_data() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let texts = ["a\r\nb: c", "\u{1b}[31mred", "\u{202e}olleh", "=1+1", "<script>", "'; DROP TABLE audit; --", "\0"];
    let entries: Vec<_> = (1_u64..)
        .zip(texts)
        .map(|(number, text)| {
            let mut odd = entry(number);
            odd["actor"]["id"] = json!(text);
            odd["changes"] = json!([{"path": text, "before": {text: text}}]);
            odd
        })
        .collect();
    assert_eq!(post(&collector, &entries)["stored"], texts.len());
    let mut owner = collector.owner();
    for text in texts {
        let query: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let reply = owner.get(&format!("{AUDIT}?actor_ids[]={query}")).unwrap();
        assert_eq!(reply.json()["data"][0]["actor"]["id"], text);
        assert!(reply.body.iter().all(|byte| *byte >= 0x20), "nothing that a terminal obeys");
    }
}
