//! Whoever looks at anything is on record: made from the table of routes, so that none is forgotten.

use crate::process::Collector;
use crate::records::{batch_of, id};
use headgate_collector::http::{Access, Route, routes};
use headgate_record::INGEST_PATH;
use serde_json::{Value, json};

/// Something that is there for every route to look at: its path with real ids.
fn real(route: &Route, audit_entry: &str) -> String {
    let id = if route.path.starts_with("/v1/audit") { audit_entry.to_owned() } else { id("b", 1) };
    route.path.replace("{id}", &id).replace("{rev}", "1")
}

fn is_look(route: &Route) -> bool {
    route.method == "GET" && route.access != Access::Open
}

#[test]
fn every_route_that_shows_something_leaves_an_audit_entry_of_who_looked() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=3)).unwrap();
    let policy = crate::policy::put(&mut owner, 0, crate::policy::POLICY);
    assert_eq!(policy.status, 200, "{}", policy.text());
    let first = owner.get("/v1/audit?order=asc&limit=1").unwrap().json()["data"][0]["id"].clone();
    let looks: Vec<_> = routes().into_iter().filter(is_look).collect();
    assert!(looks.len() > 20, "{}", looks.len());
    for route in looks {
        let made = json!({"role": "owner", "name": route.path}).to_string();
        let made = owner.post("/v1/tokens", made.as_bytes()).unwrap().json();
        let path = real(&route, first.as_str().unwrap());
        let reply = collector.with_token(made["token"].as_str().unwrap()).get(&path).unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let log = owner.get(&format!("/v1/audit?actor_ids[]={}", made["id"].as_str().unwrap())).unwrap().json();
        let told: Vec<&Value> = log["data"].as_array().unwrap().iter().collect();
        assert_eq!(told.len(), 1, "{path}: {log}");
        let operation = told[0]["operation"].as_str().unwrap();
        assert!(matches!(operation, "read" | "search" | "export"), "{path}: {operation}");
        assert_eq!((&told[0]["outcome"], &told[0]["source"]), (&json!("success"), &json!("collector")), "{path}");
    }
}
