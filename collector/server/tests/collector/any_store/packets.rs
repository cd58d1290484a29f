//! Evidence packets: whole and filtered ones, jobs that survive their process, and faults that concern nothing but the packet.

use super::access::new_token;
use super::audit;
use super::trees::{EACH_SECOND, checkpoint_of, forge, ingest, key};
use crate::patience::eventually;
use crate::process::{BINARY, Collector};
use crate::records::id;
use crate::store;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// The period of the tests' records.
const PERIOD: [&str; 2] = ["2026-01-01", "2026-01-02"];

/// Starts a collector that signs and keeps packets, also on a server.
fn start(root: &Path, more: &[(&str, &str)]) -> Collector {
    let folder = root.join("packets");
    let secret = key().secret();
    let own =
        [("HEADGATE_COLLECTOR_LOG_KEY", secret.as_str()), ("HEADGATE_COLLECTOR_PACKETS", folder.to_str().unwrap())];
    let variables: Vec<_> = own.into_iter().chain([EACH_SECOND]).chain(more.iter().copied()).collect();
    Collector::start_with_environment(root, &variables)
}

fn ask(collector: &Collector, more: Value) -> Value {
    let mut body = json!({"from": PERIOD[0], "to": PERIOD[1]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let reply = collector.owner().post("/v1/packets", body.to_string().as_bytes()).unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

/// Waits until a packet is ready or has failed.
fn ended(collector: &Collector, packet: &Value) -> Value {
    let path = format!("/v1/packets/{}", packet["id"].as_str().unwrap());
    let mut owner = collector.owner();
    eventually("a packet", || {
        let state = owner.get(&path).unwrap().json();
        matches!(state["state"].as_str(), Some("ready" | "failed")).then_some(state)
    })
}

/// Returns the id of a packet that is made now.
pub(crate) fn ready(collector: &Collector) -> String {
    let state = ended(collector, &ask(collector, json!({})));
    assert_eq!(state["state"], "ready", "{state}");
    state["id"].as_str().unwrap().to_owned()
}

/// Returns the file of a packet that is made now.
fn made(collector: &Collector, root: &Path, more: Value) -> (Value, std::path::PathBuf) {
    let state = ended(collector, &ask(collector, more));
    assert_eq!(state["state"], "ready", "{state}");
    let id = state["id"].as_str().unwrap();
    let reply = collector.owner().get(&format!("/v1/packets/{id}/packet.zip")).unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/zip")));
    assert_eq!(u64::try_from(reply.body.len()).unwrap(), state["bytes"].as_u64().unwrap());
    let file = root.join(format!("{id}.zip"));
    std::fs::write(&file, reply.body).unwrap();
    (state, file)
}

/// Runs `verify` on a packet; returns its code and what it says.
pub(crate) fn verify(file: &Path, more: &[&str]) -> (i32, String) {
    let output = Command::new(BINARY).args(["verify", "--packet"]).arg(file).args(more).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

fn with_key(file: &Path) -> (i32, String) {
    verify(file, &["--key", &key().public().to_string()])
}

/// Runs `packet` on the store of `root`; returns whether it did it, and what it says.
pub(crate) fn command(root: &Path, out: &Path) -> (bool, String) {
    let mut command = Command::new(BINARY);
    command.args(["packet", "--from", PERIOD[0], "--to", PERIOD[1]]).env("USER", "operator");
    command.env("HEADGATE_COLLECTOR_LOG_KEY", key().secret());
    store::place(&mut command, root);
    let output = command.arg("--out").arg(out).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Returns a file of an archive as text.
pub(crate) fn part(file: &Path, name: &str) -> String {
    let output = Command::new("unzip").arg("-p").arg(file).arg(name).output().unwrap();
    assert!(output.status.success(), "{name}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_whole_packet_is_proven_with_the_public_key_alone() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path(), &[]);
    ingest(&collector, "b", 1..=700);
    audit::post(&collector, &[audit::entry(1), audit::entry(2)]);
    checkpoint_of(&collector, "requests", 700);
    let (state, file) = made(&collector, root.path(), json!({"sample_request": id("b", 400)}));
    assert_eq!((&state["records"], &state["created_by"]["kind"]), (&json!(700), &json!("token")));
    let (code, text) = with_key(&file);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("requests: 700 entries are in the log") && text.contains("WHOLE: every record"), "{text}");
    assert!(text.contains("ok           proofs/sample.tlog-proof"), "{text}");
    let (code, text) = verify(&file, &[]);
    assert!(code == 2 && text.contains("UNKNOWN      key"), "{text}");
    let (_, json) = verify(&file, &["--json", "--key", &key().public().to_string()]);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["judgement"], "holds");
    let manifest: Value = serde_json::from_str(&part(&file, "manifest.json")).unwrap();
    assert_eq!(manifest["reconciliation"]["agrees"], true, "{manifest}");
    assert_eq!(manifest["totals"], manifest["reconciliation"]["usage"], "{manifest}");
    assert_eq!(manifest["totals"]["input_tokens"], 700 * 1200);
    assert_eq!(manifest["completeness"]["verdict"], "complete", "{manifest}");
    let lines = part(&file, "data/requests.ndjson");
    let stored = collector.owner().get(&format!("/v1/requests/{}", id("b", 7))).unwrap();
    assert_eq!(lines.lines().nth(6).unwrap().as_bytes(), stored.body, "the very bytes that are stored");
    let page = part(&file, "index.html");
    assert!(page.contains(&id("b", 400)) && page.contains("WHOLE") && page.contains("WebAssembly"), "the page");
    // What the packet before covered is the beginning of what the next one covers.
    ingest(&collector, "b", 701..=900);
    let (_, file) = made(&collector, root.path(), json!({}));
    let (code, text) = with_key(&file);
    assert!(code == 0 && text.contains("only grown since the packet before, from 700 to 900"), "{text}");
}

#[test]
fn the_same_scope_and_state_make_the_same_bytes() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path(), &[]);
    ingest(&collector, "b", 1..=300);
    audit::post(&collector, &[audit::entry(1)]);
    checkpoint_of(&collector, "requests", 300);
    checkpoint_of(&collector, "audit", 1);
    assert!(collector.terminate().success());
    let files = ["one", "two"].map(|name| root.path().join(name));
    for file in &files {
        let (done, text) = command(root.path(), file);
        assert!(done && text.contains("records=300"), "{text}");
    }
    assert!(std::fs::read(&files[0]).unwrap() == std::fs::read(&files[1]).unwrap(), "the bytes differ");
    assert_eq!(with_key(&files[0]).0, 0);
    let (done, text) = command(root.path(), &files[0]);
    assert!(!done && text.contains("is there already"), "{text}");
    let collector = start(root.path(), &[]);
    let entries = collector.owner().get("/v1/audit?event_types=packet.created").unwrap().json();
    assert_eq!(entries["data"].as_array().unwrap().len(), 2, "{entries}");
    assert_eq!(entries["data"][0]["actor"]["kind"], "command", "{entries}");
}

#[test]
fn a_filtered_packet_says_what_it_does_not_prove() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path(), &[]);
    ingest(&collector, "b", 1..=500);
    checkpoint_of(&collector, "requests", 500);
    let (state, file) = made(&collector, root.path(), json!({"filters": {"team": ["team-3", "team-4"]}}));
    assert_eq!(state["records"], 100);
    let (code, text) = with_key(&file);
    assert!(code == 0 && text.contains("FILTERED: each record is in the log; that the 392 others"), "{text}");
    let lines = part(&file, "data/requests.ndjson");
    assert!(lines.lines().all(|line| line.contains("\"team-3\"") || line.contains("\"team-4\"")));
    assert!(part(&file, "index.html").contains("That the other records do not match the filters."));
}

#[test]
fn a_redacted_packet_has_pseudonyms_and_says_that_rows_are_not_proven() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path(), &[]);
    ingest(&collector, "b", 1..=60);
    checkpoint_of(&collector, "requests", 60);
    let (_, file) = made(&collector, root.path(), json!({"redact": ["owner", "key_id"]}));
    let (code, text) = with_key(&file);
    assert!(code == 0 && text.contains("rows were redacted"), "{text}");
    let names = Command::new("unzip").args(["-Z1"]).arg(&file).output().unwrap();
    for name in String::from_utf8(names.stdout).unwrap().lines() {
        let content = part(&file, name);
        // The words `owner-` and `key-` begin the true values; a pseudonym has 16 digits of hex behind the field's name.
        for value in (1..=60).flat_map(|seq| [format!("\"owner-{}\"", seq % 50), format!("\"key-{}\"", seq % 200)]) {
            assert!(!content.contains(&value), "{value} in {name}");
        }
        assert!(!content.contains("alice-laptop"), "the key's policy in {name}");
    }
    let lines = part(&file, "data/requests.ndjson");
    let owner = |line: &str| serde_json::from_str::<Value>(line).unwrap()["caller"]["owner"].clone();
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!(owner(lines[0]), owner(lines[50]), "the same owner");
    assert_ne!(owner(lines[0]), owner(lines[1]));
    assert!(part(&file, "index.html").contains("REDACTED"));
}

#[test]
fn what_happens_to_a_packet_is_in_the_audit_log() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path(), &[]);
    ingest(&collector, "b", 1..=5);
    let (viewer, auditor) = (new_token(root.path(), "viewer"), new_token(root.path(), "auditor"));
    let (state, _) = made(&collector, root.path(), json!({}));
    let path = format!("/v1/packets/{}", state["id"].as_str().unwrap());
    assert_eq!(collector.with_token(&viewer).get(&path).unwrap().status, 403);
    let mut auditor = collector.with_token(&auditor);
    let list = auditor.get("/v1/packets").unwrap().json();
    assert_eq!(list["data"][0]["id"], state["id"]);
    assert_eq!(auditor.send("DELETE", &path, b"").unwrap().status, 200);
    for gone in [auditor.send("DELETE", &path, b""), auditor.get(&path), auditor.get(&format!("{path}/packet.zip"))] {
        assert_eq!(gone.unwrap().json()["error"]["code"], "packet_not_found");
    }
    let files: Vec<_> = std::fs::read_dir(root.path().join("packets")).unwrap().collect();
    assert!(files.is_empty(), "{files:?}");
    let kinds = "event_types=packet.created&event_types=packet.downloaded&event_types=packet.deleted&order=asc";
    let entries = collector.owner().get(&format!("/v1/audit?{kinds}")).unwrap().json();
    let kinds: Vec<_> =
        entries["data"].as_array().unwrap().iter().map(|entry| entry["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["packet.created", "packet.downloaded", "packet.deleted"], "{entries}");
    assert_eq!(entries["data"][1]["changes"][0]["after"], state["sha256"], "{entries}");
    for (body, code) in [
        (json!({"from": PERIOD[0]}), "invalid_body"),
        (json!({"from": PERIOD[0], "to": PERIOD[0]}), "invalid_parameter"),
        (json!({"from": PERIOD[0], "to": PERIOD[1], "redact": ["status"]}), "invalid_parameter"),
    ] {
        let refused = auditor.post("/v1/packets", body.to_string().as_bytes()).unwrap();
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!(code)), "{}", refused.text());
    }
}

#[test]
fn a_packet_is_made_by_the_next_process_if_one_is_killed() {
    let root = tempfile::tempdir().unwrap();
    let mut collector = start(root.path(), &[]);
    for part in 0..6_u64 {
        ingest(&collector, "b", part * 5_000 + 1..=part * 5_000 + 5_000);
    }
    checkpoint_of(&collector, "requests", 30_000);
    let packet = ask(&collector, json!({}));
    let parts = root.path().join(format!("packets/{}.zip.parts", packet["id"].as_str().unwrap()));
    let mut kills = 0;
    for _ in 0..3 {
        eventually("the parts of a packet, or the packet", || {
            (parts.exists() || parts.with_extension("").exists()).then_some(())
        });
        kills += u32::from(parts.exists());
        collector.kill();
        // On a server, another collector could be making it until its claim is over.
        if let Some(url) = store::database(root.path()) {
            store::query(&url, "UPDATE packets SET claimed_until = 0");
        }
        collector = start(root.path(), &[]);
    }
    assert!(kills > 0, "no kill came while the packet was made");
    let state = ended(&collector, &packet);
    assert_eq!((&state["state"], &state["records"]), (&json!("ready"), &json!(30_000)), "{state}");
    assert!(!parts.exists());
    assert_eq!(with_key(&parts.with_extension("")).0, 0);
}

#[test]
fn a_packet_that_cannot_be_whole_is_not_made_and_ingest_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path(), &[]);
    ingest(&collector, "b", 1..=600);
    checkpoint_of(&collector, "requests", 600);
    let missing = ended(&collector, &ask(&collector, json!({"sample_request": id("other", 1)})));
    assert_eq!((&missing["state"], &missing["code"]), (&json!("failed"), &json!("sample_not_found")), "{missing}");
    forge(root.path(), 100);
    let forged = ended(&collector, &ask(&collector, json!({})));
    assert_eq!((&forged["state"], &forged["code"]), (&json!("failed"), &json!("tree_contradicted")), "{forged}");
    let download =
        collector.owner().get(&format!("/v1/packets/{}/packet.zip", forged["id"].as_str().unwrap())).unwrap();
    assert_eq!(download.json()["error"]["code"], "packet_not_ready");
    ingest(&collector, "b", 601..=610);
    let files: Vec<_> = std::fs::read_dir(root.path().join("packets")).unwrap().collect();
    assert!(files.is_empty(), "{files:?}");
}

#[test]
fn a_packet_without_a_key_is_not_signed_and_says_so() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("packets");
    let collector =
        Collector::start_with_environment(root.path(), &[("HEADGATE_COLLECTOR_PACKETS", folder.to_str().unwrap())]);
    ingest(&collector, "b", 1..=20);
    let (_, file) = made(&collector, root.path(), json!({}));
    let (code, text) = with_key(&file);
    assert!(code == 2 && text.contains("UNKNOWN      key: the packet is not signed"), "{text}");
    assert!(part(&file, "index.html").contains("NOT SIGNED"));
}

#[test]
fn a_packet_larger_than_allowed_fails() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path(), &[("HEADGATE_COLLECTOR_PACKET_MAX_MIB", "1")]);
    for part in 0..8_u64 {
        ingest(&collector, "b", part * 5_000 + 1..=part * 5_000 + 5_000);
    }
    checkpoint_of(&collector, "requests", 40_000);
    let state = ended(&collector, &ask(&collector, json!({})));
    assert_eq!((&state["state"], &state["code"]), (&json!("failed"), &json!("packet_too_large")), "{state}");
}

#[test]
fn sources_that_the_operator_states_and_nobody_heard_of_are_named() {
    let root = tempfile::tempdir().unwrap();
    let settings = root.path().join("collector.toml");
    let table = |node: &str| format!("[[sources]]\nnode = \"{node}\"\ndescription = \"traffic of {node}\"\n");
    std::fs::write(&settings, table("n") + &table("gw-never")).unwrap();
    let config = [("HEADGATE_COLLECTOR_CONFIG", settings.to_str().unwrap())];
    let collector = start(root.path(), &config);
    ingest(&collector, "b", 1..=20);
    checkpoint_of(&collector, "requests", 20);
    for filters in [json!({}), json!({"team": ["nobody"]})] {
        let (_, file) = made(&collector, root.path(), json!({"filters": filters}));
        let manifest: Value = serde_json::from_str(&part(&file, "manifest.json")).unwrap();
        assert_eq!(manifest["completeness"]["verdict"], "cannot_be_said", "{manifest}");
        let why = manifest["completeness"]["reasons"].to_string();
        assert!(why.contains("not heard of in the period: gw-never\""), "{why}");
        let sources: Value = serde_json::from_str(&part(&file, "data/sources.json")).unwrap();
        let stated = json!([
            {"node": "n", "description": "traffic of n", "heard_in_period": true},
            {"node": "gw-never", "description": "traffic of gw-never", "heard_in_period": false},
        ]);
        assert_eq!(sources["stated_by_the_operator"], stated);
        let page = part(&file, "index.html");
        assert!(page.contains("traffic of gw-never") && page.contains("records, no heartbeat"), "the page");
        assert_eq!(with_key(&file).0, 0);
    }
    let (_, file) = made(&collector, root.path(), json!({"redact": ["owner"]}));
    let manifest = part(&file, "manifest.json");
    assert!(manifest.contains("1 proxies that the operator states were not heard of in the period\""), "{manifest}");
    assert!(!manifest.contains("gw-never") && !manifest.contains("states none"), "{manifest}");
    drop(collector);
    std::fs::write(&settings, table("n")).unwrap();
    let collector = start(root.path(), &config);
    let (_, file) = made(&collector, root.path(), json!({}));
    let manifest: Value = serde_json::from_str(&part(&file, "manifest.json")).unwrap();
    assert_eq!(manifest["completeness"]["verdict"], "complete", "{manifest}");
}
