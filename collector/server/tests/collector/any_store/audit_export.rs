//! Exports of the audit log, and its filters: several values, negation, and actors by name.

use crate::any_store::audit::{entry, post};
use crate::client::Client;
use crate::process::Collector;
use serde_json::{Value, json};

/// Adds entries by three actors: two share a name, and one actor's name is another's id.
fn filled(collector: &Collector) -> Vec<Value> {
    let entries: Vec<Value> = (1..=250_u64)
        .map(|number| {
            let mut one = entry(number);
            match number % 3 {
                0 => one["actor"]["name"] = json!("Alice"),
                1 => one["actor"]["name"] = json!("admin-0"),
                _ => {}
            }
            one["resource"]["name"] = json!(if number.is_multiple_of(2) { "=1+1" } else { "a\u{202e}b\nc" });
            one["outcome"] = json!(["success", "failure", "denied"][number as usize % 7 % 3]);
            one["actor"]["address"] = json!(format!("192.0.2.{}", number % 4));
            one["source"] = json!(if number.is_multiple_of(5) { "scim" } else { "console" });
            one
        })
        .collect();
    assert_eq!(post(collector, &entries)["stored"], 250);
    entries
}

/// Returns the numbers of NDJSON entries, in their order.
fn numbers(text: &str) -> Vec<u64> {
    let number = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap();
        entry["resource"]["id"].as_str().unwrap()[4..].parse().unwrap()
    };
    text.lines().map(number).collect()
}

/// Returns the numbers on successive pages.
fn paged(owner: &mut Client, query: &str) -> Vec<u64> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = owner.get(&format!("/v1/audit?order=asc&limit=100&{query}{after}")).unwrap().json();
        let data = page["data"].as_array().unwrap_or_else(|| panic!("{query}: {page}"));
        found.extend(numbers(&data.iter().map(|entry| format!("{entry}\n")).collect::<String>()));
        if page["has_more"] != true {
            return found;
        }
        after = format!("&after={}", page["next"].as_str().unwrap());
    }
}

type Holds = fn(&Value) -> bool;

fn number(entry: &Value) -> u64 {
    entry["resource"]["id"].as_str().unwrap()[4..].parse().unwrap()
}

#[test]
fn audit_filters_agree_on_pages_and_exports() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let entries = filled(&collector);
    let cases: [(&str, Holds); 24] = [
        ("resource_ids[not]=none", |_| true),
        ("event_types[]=user.added", |e| e["type"] == "user.added"),
        ("event_types[not]=user.added", |e| e["type"] != "user.added"),
        ("event_types[not]=user.added&event_types[not]=key.created", |_| false),
        ("event_types=user.added&event_types=key.created&sources[not]=scim", |e| e["source"] != "scim"),
        ("resource_ids=key-7&resource_ids=key-9", |e| [7, 9].contains(&number(e))),
        ("resource_ids[not]=key-7&resource_ids[not]=nobody", |e| number(e) != 7),
        ("revision=2&revision=3", |e| e["revision"].as_u64().is_some_and(|one| [2, 3].contains(&one))),
        ("revision[not]=2&revision[not]=3", |e| !e["revision"].as_u64().is_some_and(|one| [2, 3].contains(&one))),
        ("actor=Alice", |e| e["actor"]["name"] == "Alice"),
        ("actor_ids[]=Alice", |e| e["actor"]["name"] == "Alice"),
        ("actor=admin-2", |e| e["actor"]["id"] == "admin-2"),
        ("actor=admin-0", |e| e["actor"]["id"] == "admin-0" || e["actor"]["name"] == "admin-0"),
        ("actor[not]=admin-0", |e| e["actor"]["id"] != "admin-0" && e["actor"]["name"] != "admin-0"),
        ("actor[not]=Alice", |e| e["actor"]["name"] != "Alice"),
        ("actor=Alice&actor=admin-2", |e| e["actor"]["name"] == "Alice" || e["actor"]["id"] == "admin-2"),
        ("actor_ids[not]=admin-1&event_types=user.added", |e| {
            e["actor"]["id"] != "admin-1" && e["type"] == "user.added"
        }),
        ("outcomes=denied", |e| e["outcome"] == "denied"),
        ("outcomes=denied&outcomes=failure&actor[not]=Alice", |e| {
            e["outcome"] != "success" && e["actor"]["name"] != "Alice"
        }),
        ("outcomes[not]=success", |e| e["outcome"] != "success"),
        ("q=192.0.2.3", |e| e["actor"]["address"] == "192.0.2.3"),
        ("q=ALI&outcomes=denied", |e| e["actor"]["name"] == "Alice" && e["outcome"] == "denied"),
        ("q=nowhere-at-all", |_| false),
        ("effective_at[lt]=2026-01-01T00:00:31Z&actor=Alice", |e| e["actor"]["name"] == "Alice" && number(e) <= 30),
    ];
    let mut owner = collector.owner();
    for (query, holds) in cases {
        // The collector's own entries have another source.
        let query = format!("{query}&sources=console&sources=scim")
            .replace("&sources[not]=scim&sources=console&sources=scim", "&sources=console");
        let expected: Vec<u64> = entries.iter().filter(|one| holds(one)).map(number).collect();
        assert_eq!(paged(&mut owner, &query), expected, "{query}");
        let lines = owner.get(&format!("/v1/audit.ndjson?order=asc&{query}")).unwrap();
        assert_eq!((lines.status, lines.header("content-type")), (200, Some("application/x-ndjson")));
        assert_eq!(numbers(&lines.text()), expected, "{query}");
        let list = owner.get(&format!("/v1/audit.json?{query}")).unwrap().json();
        let list: Vec<_> = list["data"].as_array().unwrap().iter().map(number).rev().collect();
        assert_eq!(list, expected, "{query}");
        let sheet = owner.get(&format!("/v1/audit.csv?{query}")).unwrap();
        assert_eq!(sheet.text().lines().count(), expected.len() + 1, "{query}");
    }
}

#[test]
fn an_unknown_actor_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    filled(&collector);
    let mut owner = collector.owner();
    for query in
        ["actor=nobody", "actor_ids[]=nobody", "actor[not]=nobody", "actor=Alice&actor=nobody", "actor=console"]
    {
        for path in ["/v1/audit", "/v1/audit.csv", "/v1/audit.json", "/v1/audit.ndjson"] {
            let refused = owner.get(&format!("{path}?{query}")).unwrap();
            assert_eq!(refused.status, 404, "{path}?{query}");
            assert_eq!(refused.json()["error"]["code"], "actor_not_found");
        }
    }
    let made =
        owner.post("/v1/tokens", json!({"role": "viewer", "name": "Quiet one"}).to_string().as_bytes()).unwrap().json();
    let quiet = owner.get("/v1/audit?actor=Quiet+one").unwrap();
    assert_eq!((quiet.status, &quiet.json()["data"]), (200, &json!([])), "a token that has done nothing");
    assert_eq!(collector.with_token(made["token"].as_str().unwrap()).get("/v1/requests").unwrap().status, 200);
    let page = owner.get("/v1/audit?actor=Quiet+one").unwrap().json();
    assert_eq!(page["data"][0]["type"], "requests.searched", "{page}");
}

#[test]
fn an_audit_sheet_has_a_safe_line_per_entry() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    filled(&collector);
    let mut owner = collector.owner();
    let sheet = owner.get("/v1/audit.csv?order=asc&sources=console&limit=2").unwrap();
    assert_eq!(sheet.header("content-disposition"), Some("attachment; filename=\"audit.csv\""));
    let text = sheet.text();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("time,id,type,operation,outcome,code,actor_id,"), "{text}");
    assert!(lines[1].contains(",a\\u{202e}b\\u{a}c,") && lines[2].contains(",\"'=1+1\","), "{text}");
    assert!(
        lines[1].starts_with("2026-01-01T00:00:01Z,")
            && lines[1].ends_with("\"[{\"\"path\"\":\"\"models\"\",\"\"after\"\":[\"\"chat\"\"]}]\",,,"),
        "{text}"
    );
    let noted = owner.get("/v1/audit?event_types=audit.exported").unwrap().json();
    assert_eq!(noted["data"][0]["resource"]["name"], "csv order=asc&sources=console&limit=2");
    for (query, param) in [
        ("limit=0", "limit"),
        ("after=c1_1", "after"),
        ("revision=0", "revision"),
        ("revision[not]=x", "revision[not]"),
        ("actors=a", "actors"),
        ("sources[no]=a", "sources[no]"),
        ("outcome=denied", "outcome"),
    ] {
        let refused = owner.get(&format!("/v1/audit.csv?{query}")).unwrap();
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!(param)), "{query}");
    }
}
