//! Audit entries about reads, checked from the table of routes, so that no route is forgotten.

use crate::client::Client;
use crate::process::Collector;
use crate::records::{batch_of, id};
use headgate_collector_api::{Access, Route, routes};
use headgate_record::INGEST_PATH;
use serde_json::{Value, json};
use std::path::Path;

/// The id of the forwarder in [`forwarder_settings`].
const FORWARDER: &str = "siem";

/// Writes a file of settings with a forwarder whose receiver is not there, and returns its path.
pub(crate) fn forwarder_settings(root: &Path) -> String {
    let path = root.join("collector.toml");
    let table = format!("[[forwarders]]\nid = \"{FORWARDER}\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:1\"\n");
    std::fs::write(&path, table).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Returns a route's path with the ids of existing things.
pub(crate) fn real(route: &Route, audit_entry: &str) -> String {
    let id = match route.path {
        path if path.starts_with("/v1/audit") => audit_entry.to_owned(),
        path if path.starts_with("/v1/forwarders") => FORWARDER.to_owned(),
        _ => id("b", 1),
    };
    route
        .path
        .replace("{id}", &id)
        .replace("{rev}", "1")
        .replace("{*tile}", "0/000.p/1")
        .replace("{*bundle}", "000.p/1")
}

/// Parameters that choose a page of the results, or how they are divided.
const PAGING: [&str; 8] = ["after", "bars", "before", "limit", "order", "page", "total", "totals"];

fn is_look(route: &Route) -> bool {
    route.method == "GET" && route.access != Access::Open
}

#[test]
fn every_read_of_every_route_is_recorded() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("packets");
    let settings = forwarder_settings(root.path());
    let settings = [("HEADGATE_COLLECTOR_PACKETS", folder.to_str().unwrap()), ("HEADGATE_COLLECTOR_CONFIG", &settings)];
    let collector = Collector::start_with_environment(root.path(), &settings);
    let mut owner = collector.owner();
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=3)).unwrap();
    let packet = super::packets::ready(&collector);
    let policy = crate::any_store::policy::put(&mut owner, 0, crate::any_store::policy::POLICY);
    assert_eq!(policy.status, 200, "{}", policy.text());
    let first = owner.get("/v1/audit?order=asc&limit=1").unwrap().json()["data"][0]["id"].clone();
    let looks: Vec<_> = routes().into_iter().filter(is_look).collect();
    assert!(looks.len() > 20, "{}", looks.len());
    for route in looks {
        let made = json!({"role": "owner", "name": route.path}).to_string();
        let made = owner.post("/v1/tokens", made.as_bytes()).unwrap().json();
        let path = match route.path.strip_prefix("/v1/packets/{id}") {
            Some(rest) => format!("/v1/packets/{packet}{rest}"),
            None => real(&route, first.as_str().unwrap()),
        };
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

/// Creates a token; returns its id and its text.
fn token(owner: &mut Client, name: &str) -> (String, String) {
    let made = json!({"role": "owner", "name": name}).to_string();
    let made = owner.post("/v1/tokens", made.as_bytes()).unwrap().json();
    let text = |member: &str| made[member].as_str().unwrap().to_owned();
    (text("id"), text("token"))
}

/// Returns the names and changes of the entries about a token's reads, oldest first.
fn looked_at(owner: &mut Client, token: &str) -> Vec<String> {
    let (mut names, mut after) = (Vec::new(), String::new());
    loop {
        let page = owner.get(&format!("/v1/audit?order=asc&limit=100&actor_ids[]={token}{after}")).unwrap().json();
        let entries = page["data"].as_array().unwrap().iter();
        names.extend(entries.map(|entry| format!("{} {}", entry["resource"]["name"], entry["changes"])));
        if page["has_more"] != true {
            return names;
        }
        after = format!("&after={}", page["next"].as_str().unwrap());
    }
}

/// Returns the name of a list without its brackets.
fn plain(filter: &str) -> String {
    filter.replace("[]", "")
}

#[test]
fn every_filter_of_every_route_is_noted() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=3)).unwrap();
    assert_eq!(crate::any_store::policy::put(&mut owner, 0, crate::any_store::policy::POLICY).status, 200);
    let first = owner.get("/v1/audit?order=asc&limit=1").unwrap().json()["data"][0]["id"].clone();
    for route in routes().into_iter().filter(|route| is_look(route) && !route.docs.parameters.is_empty()) {
        let (id, text) = token(&mut owner, route.path);
        let mut looking = collector.with_token(&text);
        let path = real(&route, first.as_str().unwrap());
        let filters = route.docs.parameters.iter().filter(|one| !PAGING.contains(&&*one.name));
        let mut asked = Vec::new();
        let minute = || std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / 60;
        let began = minute();
        for filter in filters.map(headgate_collector_api::Parameter::example) {
            let (once, again) = (looking.get(&format!("{path}?{filter}")), looking.get(&format!("{path}?{filter}")));
            assert_eq!(once.as_ref().unwrap().status, again.unwrap().status, "{path}?{filter}");
            // An unknown actor is refused.
            if once.unwrap().status == 200 {
                asked.push(plain(&filter));
            }
        }
        asked.sort();
        asked.dedup();
        let noted: Vec<_> = looked_at(&mut owner, &id).iter().map(|name| plain(name)).collect();
        for filter in asked.iter().filter(|_| !path.ends_with("/diff")) {
            assert!(noted.iter().any(|name| name.contains(filter.as_str())), "{path}?{filter}: {noted:?}");
        }
        let folds = !path.contains("csv") && !path.contains("json") && !path.ends_with("/diff");
        // A repeated search adds no entry of its own; `team` and `team[]` are two searches. At the end of a minute one entry
        // counts the repeats of each search.
        assert!(
            !folds || minute() != began || noted.len() < asked.len() + asked.len() / 2 + 2,
            "{path}: {} of {}",
            noted.len(),
            asked.len()
        );
        assert!(noted.len() >= asked.len(), "{path}: {} of {}", noted.len(), asked.len());
    }
    let compared = owner.get("/v1/policy/1/diff?from=1").unwrap();
    assert_eq!(compared.status, 200, "{}", compared.text());
    let entry = owner.get("/v1/audit?event_types[]=policy.compared&limit=1").unwrap().json();
    assert_eq!(entry["data"][0]["changes"], json!([{"path": "from", "after": 1}]));
}
