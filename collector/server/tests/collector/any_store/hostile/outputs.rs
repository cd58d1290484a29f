//! Hostile texts in both logs and every output of the collector: they leave as data, whole and without effect.

use crate::any_store::access::command;
use crate::client::{Client, Reply};
use crate::process::Collector;
use crate::records::{BASE_US, batch, id, record};
use headgate_config::diagnostic::is_hidden;
use headgate_limits::SYNC_PATH;
use headgate_record::{HEARTBEAT_PATH, INGEST_PATH};
use serde_json::{Value, json};

const YEAR_US: u64 = 365 * 86_400_000_000;
const TEXTS: [&str; 10] = [
    "a\r\nb: c",
    "\u{1b}[31mred\u{1b}]0;title\u{7}",
    "\u{202e}olleh\u{2066}",
    "=HYPERLINK(\"http://x\";\"y\")",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "'; DROP TABLE audit; --",
    "nul\0nul",
    "\u{feff}bom\u{2028}line",
    "%00%0d%0a${jndi:ldap://x}",
];

/// Checks that the reply has no control characters except line breaks, and forbids content sniffing.
fn assert_tame(reply: &Reply, what: &str) {
    assert_eq!(reply.status, 200, "{what}: {}", reply.text());
    let tame = |byte: &u8| *byte >= 0x20 && *byte != 0x7f;
    assert!(reply.body.iter().all(|byte| tame(byte) || matches!(byte, b'\r' | b'\n')), "{what}");
    assert!(reply.headers.iter().all(|(_, value)| value.bytes().all(|byte| tame(&byte))), "{what}");
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{what}");
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Stores a record and an audit entry for each text, dated a year back or ahead.
fn filled(collector: &Collector) {
    let mut records = Vec::new();
    let mut entries = Vec::new();
    for (number, text) in (1_u64..).zip(TEXTS) {
        let time = if number % 2 == 0 { BASE_US - YEAR_US } else { BASE_US + YEAR_US };
        let mut odd = record("n", "b", number);
        odd.started_at = time;
        (odd.requested_model, odd.environment) = (Some(text.to_owned()), text.to_owned());
        odd.caller.as_mut().unwrap().owner = Some(text.to_owned());
        odd.client.tags.insert("tag".to_owned(), text.to_owned());
        odd.client.end_user = Some(text.to_owned());
        records.push(serde_json::to_string(&odd).unwrap());
        let mut entry = crate::any_store::audit::entry(number);
        entry["time"] = json!(time);
        entry["actor"] = json!({"id": text, "kind": "user", "address": text, "user_agent": text});
        entry["resource"] = json!({"kind": text, "id": text, "name": text});
        entry["changes"] = json!([{"path": text, "before": text, "after": {text: [text]}}]);
        (entry["code"], entry["request_id"]) = (json!(text), json!(text));
        entries.push(entry);
    }
    let reply = collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &records)).unwrap();
    assert_eq!(reply.json()["stored"], TEXTS.len(), "{}", reply.text());
    assert_eq!(crate::any_store::audit::post(collector, &entries)["stored"], TEXTS.len());
}

#[test]
fn hostile_texts_leave_every_output_as_data() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    filled(&collector);
    let mut owner = collector.owner();
    for path in [
        "/v1/requests",
        "/v1/requests.json",
        "/v1/requests.ndjson",
        "/v1/requests/facets?facets=requested_model,owner,environment,tag",
        "/v1/usage?from=2024-12-01&to=2027-03-01&bucket=month&group_by[]=environment&group_by[]=owner",
        "/v1/audit",
        "/v1/gaps",
        "/v1/dataplanes",
        "/v1/damage",
        "/v1/tokens",
    ] {
        assert_tame(&owner.get(path).unwrap(), path);
    }
    let metrics = owner.get("/metrics").unwrap().text();
    assert!(TEXTS.iter().all(|text| !metrics.contains(text)), "a name is no label");
    for (number, text) in (1_u64..).zip(TEXTS) {
        one_of_each(&mut owner, number, text);
    }
    let lines = owner.get("/v1/requests.ndjson").unwrap().text();
    assert_eq!(lines.lines().count(), TEXTS.len(), "a record a line");
    let logs = collector.logs();
    assert!(logs.bytes().all(|byte| byte >= 0x20 || byte == b'\n') && !logs.contains("script"), "{logs}");
}

/// Checks that each entry is found by each of its texts and returned whole.
fn one_of_each(owner: &mut Client, number: u64, text: &str) {
    let one = owner.get(&format!("/v1/requests/{}", id("b", number))).unwrap();
    assert_tame(&one, text);
    assert_eq!(one.json()["client"]["end_user"], *text);
    for filter in ["requested_model", "owner", "environment", "tag[tag]", "q"] {
        let found = owner.get(&format!("/v1/requests?{filter}={}", encoded(text))).unwrap();
        assert_tame(&found, text);
        let seqs: Vec<_> = found.json()["data"].as_array().unwrap().iter().map(|one| one["seq"].clone()).collect();
        assert_eq!(seqs, [json!(number)], "{filter} {text:?}");
    }
    let entry = owner.get(&format!("/v1/audit/{}", id("audit", number))).unwrap();
    assert_tame(&entry, text);
    let changes: Value = entry.json()["changes"].clone();
    assert_eq!(changes, json!([{"path": text, "before": text, "after": {*text: [text]}}]));
    for filter in ["actor_ids[]", "resource_ids[]"] {
        let found = owner.get(&format!("/v1/audit?{filter}={}", encoded(text))).unwrap();
        assert_tame(&found, text);
        let ids: Vec<_> = found.json()["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        assert_eq!(ids, [json!(id("audit", number))], "{filter} {text:?}");
    }
}

/// Characters that reverse text, are invisible, or control a terminal.
const HIDDEN: &str = "x\u{202e}y\u{200b}\u{9b}31m\u{e0041}\u{7f}\u{1b}[0m";

/// Creates one of each thing that has a name, with a hostile name.
fn named(collector: &Collector) {
    let mut ingest = collector.ingest();
    let of = |seq| {
        let mut one = record(HIDDEN, HIDDEN, seq);
        one.requested_model = Some(HIDDEN.to_owned());
        one.caller.as_mut().unwrap().team = Some(HIDDEN.to_owned());
        serde_json::to_string(&one).unwrap()
    };
    let reply = ingest.post(INGEST_PATH, &batch(HIDDEN, HIDDEN, 1, &[of(1), of(5)])).unwrap();
    assert_eq!(reply.json()["stored"], 2, "{}", reply.text());
    let beat = json!({"node": HIDDEN, "boot": HIDDEN, "version": HIDDEN, "config_revision": HIDDEN, "uptime_s": 1,
        "queued": 0, "dropped": 0, "last_seq": 5});
    assert_eq!(ingest.post(HEARTBEAT_PATH, beat.to_string().as_bytes()).unwrap().status, 204);
    crate::any_store::audit::post(
        collector,
        &[json!({
            "id": id("audit", 1), "type": "user.added", "time": BASE_US, "actor": {"id": HIDDEN, "kind": "user", "name": HIDDEN},
            "operation": "create", "resource": {"kind": HIDDEN, "id": HIDDEN, "name": HIDDEN}, "outcome": "success",
            "source": "console", "changes": [{"path": HIDDEN, "after": HIDDEN}],
        })],
    );
    for rule in [
        crate::any_store::fleet::budget(HIDDEN, &[50]),
        headgate_limits::Rule {
            kind: headgate_limits::Kind::Limit,
            ..crate::any_store::fleet::budget("l\u{202e}", &[])
        },
    ] {
        let id = rule.id.clone();
        let mut proxy = crate::any_store::fleet::Proxy::with_rules(&format!("{HIDDEN}{id}"), vec![rule]);
        proxy.report(collector, vec![crate::any_store::fleet::row(&id, HIDDEN, 700)]);
    }
    let mut owner = collector.owner();
    let policy = crate::any_store::policy::POLICY.replace("owner: alice", "owner: \"a\\u202e\\u009bb\"");
    let refused = crate::any_store::policy::put(&mut owner, 0, &policy);
    assert_shown(&refused, "PUT /v1/policy");
    assert_eq!(refused.status, 422, "a policy holds no hidden character: {}", refused.text());
    assert_eq!(crate::any_store::policy::put(&mut owner, 0, crate::any_store::policy::POLICY).status, 200);
    for (path, body) in [
        ("/v1/tokens", json!({"role": "viewer", "name": HIDDEN})),
        ("/v1/holds", json!({"log": "requests", "scope": {"team": HIDDEN}, "reason": HIDDEN})),
        (
            "/v1/corrections",
            json!({"reason": HIDDEN, "usage": {"from": "2026-01-01", "to": "2026-01-02",
            "filters": {"team": HIDDEN}, "amounts": {"output_tokens": 1}}}),
        ),
    ] {
        let reply = owner.post(path, body.to_string().as_bytes()).unwrap();
        assert_shown(&reply, path);
        assert_eq!(reply.status, 201, "{path}: {}", reply.text());
    }
}

fn assert_shown(reply: &Reply, what: &str) {
    let text = reply.text();
    let hidden = text.chars().find(|char| is_hidden(*char) && !matches!(char, '\r' | '\n'));
    assert_eq!(hidden, None, "{what}: {text:?}");
}

#[test]
fn no_route_shows_a_hidden_character() {
    let root = tempfile::tempdir().unwrap();
    let settings = crate::any_store::noted::forwarder_settings(root.path());
    let settings = [("HEADGATE_COLLECTOR_CONFIG", settings.as_str())];
    let collector = Collector::start_with_environment(root.path(), &settings);
    named(&collector);
    let mut told = 0;
    for route in headgate_collector_api::routes().iter().filter(|route| route.method == "GET") {
        let path = crate::any_store::noted::real(route, &id("audit", 1)).replace(&id("b", 1), &id(HIDDEN, 1));
        let mut client = collector.allowed(route);
        let reply = client.get(&path).unwrap();
        // Nothing is signed here, and there is no packet.
        let is_absent = path.ends_with("/checkpoint") || route.path.starts_with("/v1/packets/{id}");
        let status = if is_absent { 404 } else { 200 };
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
        if reply.header("content-type") == Some("application/octet-stream") {
            continue;
        }
        // This route returns the file as written.
        if !path.ends_with("gateway.yaml") {
            assert_shown(&reply, &path);
            told += usize::from(reply.text().contains("202e"));
        }
        let text = encoded(HIDDEN);
        for query in [format!("{text}=1"), format!("limit={text}"), format!("team={text}&from={text}")] {
            assert_shown(&client.get(&format!("{path}?{query}")).unwrap(), &path);
        }
        assert_shown(&client.get(&format!("{path}/{text}")).unwrap(), &path);
    }
    assert!(told >= 18, "{told} routes show the names");
    assert!(collector.logs().chars().all(|char| char == '\n' || !is_hidden(char)), "{}", collector.logs());
}

#[test]
fn sheets_are_harmless() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    filled(&collector);
    let mut owner = collector.owner();
    let usage = "/v1/usage.csv?from=2024-12-01&to=2027-03-01&bucket=month&group_by[]=environment&group_by[]=owner";
    for path in ["/v1/requests.csv", usage] {
        let sheet = owner.get(path).unwrap();
        assert_tame(&sheet, path);
        let text = sheet.text();
        assert!(text.lines().count() > TEXTS.len(), "{path}");
        for cell in text.lines().flat_map(|line| line.split(',')) {
            let cell = cell.trim_start_matches(['"', ' ']);
            assert!(!cell.starts_with(['=', '@', '+']) && !cell.starts_with("-"), "{path}: {cell}");
        }
        assert!(!text.contains(['\u{202e}', '\u{2066}']), "{path}");
    }
}

#[test]
fn clocks_a_year_off_spoil_no_range_or_order() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    filled(&collector);
    let mut owner = collector.owner();
    let count = |owner: &mut Client, path: &str| owner.get(path).unwrap().json()["data"].as_array().unwrap().len();
    let half = TEXTS.len() / 2;
    assert_eq!(count(&mut owner, "/v1/requests?to=2025-06-01T00:00:00Z"), half);
    assert_eq!(count(&mut owner, "/v1/requests?from=2026-06-01T00:00:00Z"), half);
    assert_eq!(count(&mut owner, "/v1/requests?from=2025-06-01T00:00:00Z&to=2026-06-01T00:00:00Z"), 0);
    assert_eq!(count(&mut owner, "/v1/audit?sources=console&effective_at[lt]=2025-06-01T00:00:00Z"), half);
    assert_eq!(count(&mut owner, "/v1/audit?sources=console&effective_at[gte]=2026-06-01T00:00:00Z"), half);
    let followed = owner.get("/v1/requests?order=asc").unwrap().json();
    let seqs: Vec<_> = followed["data"].as_array().unwrap().iter().map(|one| one["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=TEXTS.len() as u64).collect::<Vec<_>>(), "in the order in which they came");
}

#[test]
fn strings_of_a_mebibyte_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let long = "CANARY-LONG ".repeat((1 << 20) / 12);
    let mut odd = record("n", "b", 1);
    odd.requested_model = Some(long.clone());
    let body = batch("n", "b", 0, &[serde_json::to_string(&odd).unwrap()]);
    let reply = collector.ingest().post(INGEST_PATH, &body).unwrap();
    assert_eq!(reply.json()["refused"].as_array().unwrap().len(), 1);
    let mut said = reply.text();
    let mut entry = crate::any_store::audit::entry(1);
    entry["actor"]["id"] = json!(long);
    said.push_str(&crate::any_store::audit::post(&collector, &[entry]).to_string());
    assert!(said.contains("larger than 65536 bytes"), "{said}");
    let beat = json!({"node": long, "boot": "b", "version": "0", "config_revision": "r", "uptime_s": 1, "queued": 0,
        "dropped": 0, "last_seq": 1});
    let report = crate::any_store::fleet::Proxy::new("p").body(vec![crate::any_store::fleet::row("team", &long, 1)]);
    for (path, body) in
        [(INGEST_PATH, batch(&long, "b", 0, &[])), (HEARTBEAT_PATH, beat.to_string().into_bytes()), (SYNC_PATH, report)]
    {
        // If the announced length is too large, the connection closes before the body is read.
        let Ok(reply) = collector.ingest().post(path, &body) else { continue };
        assert!(matches!(reply.status, 400 | 413), "{path}: {} {}", reply.status, reply.text());
        said.push_str(&reply.text());
    }
    assert_eq!(collector.owner().get("/v1/dataplanes").unwrap().json()["data"], json!([]), "nothing of it was taken");
    assert_eq!(collector.owner().get("/v1/budgets").unwrap().json()["data"], json!([]));
    // A longer body is refused before it is read, and the connection is closed.
    let token = json!({"role": "viewer", "name": &long[..15_000]}).to_string();
    let reply = collector.owner().post("/v1/tokens", token.as_bytes()).unwrap();
    assert!(matches!(reply.status, 400 | 413), "{}", reply.text());
    said.push_str(&reply.text());
    // A server keeps its files elsewhere; the folder then does not exist.
    for file in std::fs::read_dir(root.path().join("data")).into_iter().flatten() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(11).any(|part| part == b"CANARY-LONG"));
    }
    said.push_str(&collector.logs());
    assert!(!said.contains("CANARY"), "{said}");
}

#[test]
fn names_of_tokens_control_no_terminal() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    for text in TEXTS {
        let body = json!({"role": "viewer", "name": text}).to_string();
        let reply = collector.owner().post("/v1/tokens", body.as_bytes()).unwrap();
        assert!(matches!(reply.status, 201 | 400), "{}", reply.text());
    }
    let (listed, text) = command(root.path(), &["token", "list"]);
    assert!(listed && text.bytes().all(|byte| byte >= 0x20 || byte == b'\n'), "{text}");
    assert!(!text.contains(['\u{202e}', '\u{2066}', '\u{2028}']), "{text}");
}
