//! Hostile texts in both logs, and every way out of the collector: they leave as data, whole, and as nothing else.

use crate::access::command;
use crate::client::{Client, Reply};
use crate::process::Collector;
use crate::records::{BASE_US, batch, id, record};
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

/// One line, nothing that a terminal obeys, and each byte as it may stand in JSON.
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

/// A record and an audit entry for each text, dated a year back or ahead.
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
        let mut entry = crate::audit::entry(number);
        entry["time"] = json!(time);
        entry["actor"] = json!({"id": text, "kind": "user", "address": text, "user_agent": text});
        entry["resource"] = json!({"kind": text, "id": text, "name": text});
        entry["changes"] = json!([{"path": text, "before": text, "after": {text: [text]}}]);
        (entry["code"], entry["request_id"]) = (json!(text), json!(text));
        entries.push(entry);
    }
    let reply = collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &records)).unwrap();
    assert_eq!(reply.json()["stored"], TEXTS.len(), "{}", reply.text());
    assert_eq!(crate::audit::post(collector, &entries)["stored"], TEXTS.len());
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

/// Each is found by each of its texts, and comes back whole.
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

#[test]
fn no_sheet_runs_a_formula_breaks_a_line_or_commands_a_terminal() {
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
fn clocks_a_year_off_spoil_no_range_and_no_order() {
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
fn strings_of_a_mebibyte_are_refused_everywhere_and_kept_nowhere() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let long = "CANARY-LONG ".repeat((1 << 20) / 12);
    let mut odd = record("n", "b", 1);
    odd.requested_model = Some(long.clone());
    let body = batch("n", "b", 0, &[serde_json::to_string(&odd).unwrap()]);
    let reply = collector.ingest().post(INGEST_PATH, &body).unwrap();
    assert_eq!(reply.json()["refused"].as_array().unwrap().len(), 1);
    let mut said = reply.text();
    let mut entry = crate::audit::entry(1);
    entry["actor"]["id"] = json!(long);
    said.push_str(&crate::audit::post(&collector, &[entry]).to_string());
    assert!(said.contains("larger than 65536 bytes"), "{said}");
    let beat = json!({"node": long, "boot": "b", "version": "0", "config_revision": "r", "uptime_s": 1, "queued": 0,
        "dropped": 0, "last_seq": 1});
    let report = crate::fleet::Proxy::new("p").body(vec![crate::fleet::row("team", &long, 1)]);
    for (path, body) in
        [(INGEST_PATH, batch(&long, "b", 0, &[])), (HEARTBEAT_PATH, beat.to_string().into_bytes()), (SYNC_PATH, report)]
    {
        // Where even the announced length is too much, the connection ends before the body is read.
        let Ok(reply) = collector.ingest().post(path, &body) else { continue };
        assert!(matches!(reply.status, 400 | 413), "{path}: {} {}", reply.status, reply.text());
        said.push_str(&reply.text());
    }
    assert_eq!(collector.owner().get("/v1/dataplanes").unwrap().json()["data"], json!([]), "nothing of it was taken");
    assert_eq!(collector.owner().get("/v1/budgets").unwrap().json()["data"], json!([]));
    // A longer body is refused before it is read, and its connection with it.
    let token = json!({"role": "viewer", "name": &long[..15_000]}).to_string();
    let reply = collector.owner().post("/v1/tokens", token.as_bytes()).unwrap();
    assert!(matches!(reply.status, 400 | 413), "{}", reply.text());
    said.push_str(&reply.text());
    // A server keeps its files for itself.
    for file in std::fs::read_dir(root.path().join("data")).into_iter().flatten() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(11).any(|part| part == b"CANARY-LONG"));
    }
    said.push_str(&collector.logs());
    assert!(!said.contains("CANARY"), "{said}");
}

#[test]
fn the_names_of_tokens_command_no_terminal() {
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
