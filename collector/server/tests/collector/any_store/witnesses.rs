//! Witnesses: a real one in a process of its own, and stand-ins that are slow, lie, or have seen more.

use super::audit;
use super::trees::{EACH_SECOND, checkpoint, checkpoint_of, ingest, key, public};
use super::verify::monitor;
use crate::patience::{eventually, until};
use crate::process::{BINARY, Collector, run};
use crate::records::id;
use crate::store;
use headgate_collector_tree::{AddCheckpoint, CosigningKey, Note, TlogPolicy, TlogProof, WitnessKey, leaf_hash};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) fn witness_key() -> CosigningKey {
    CosigningKey::new("audit.example.com", &[77; 32]).unwrap()
}

/// A witness in a process.
pub(crate) struct WitnessProcess {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl WitnessProcess {
    pub(crate) fn start(root: &Path, listen: &str) -> Self {
        let state = root.join("witness.json");
        let mut command = Command::new(BINARY);
        command.args(["witness", "--listen", listen, "--state", state.to_str().unwrap()]);
        for log in ["requests", "audit"] {
            command.args(["--log", &public(log).to_string()]);
        }
        if !state.exists() {
            command.arg("--init");
        }
        command.env("HEADGATE_WITNESS_KEY", witness_key().secret()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.next().unwrap(), format!("public_key={}", witness_key().public()));
        let address = lines.next().unwrap().strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { child, address }
    }
}

impl Drop for WitnessProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes settings with witnesses at these addresses, and starts a collector with them.
pub(crate) fn start(root: &Path, logs: &Path, witnesses: &[(&str, SocketAddr, &WitnessKey)]) -> Collector {
    let mut text = String::new();
    for (name, address, key) in witnesses {
        text.push_str(&format!("[[witnesses]]\nname = \"{name}\"\nurl = \"http://{address}\"\nvkey = \"{key}\"\n"));
    }
    let file = logs.join("collector.toml");
    std::fs::write(&file, text).unwrap();
    let secret = key().secret();
    let variables = [
        ("HEADGATE_COLLECTOR_CONFIG", file.to_str().unwrap()),
        ("HEADGATE_COLLECTOR_LOG_KEY", secret.as_str()),
        EACH_SECOND,
    ];
    Collector::start_with(root, logs, &variables)
}

fn state(collector: &Collector) -> Value {
    collector.owner().get("/v1/log").unwrap().json()
}

/// Returns the health of a witness for a log.
fn health(collector: &Collector, name: &str, log: &str) -> Value {
    let anchors = state(collector)["anchors"].clone();
    anchors.as_array().unwrap().iter().find(|one| one["name"] == name && one["log"] == log).unwrap().clone()
}

/// Waits until a witness has confirmed this many entries.
pub(crate) fn confirmed(collector: &Collector, log: &str, size: u64) -> String {
    eventually("a confirmed checkpoint", || {
        let note = collector.with_token("").get(&format!("/log/{log}/checkpoint")).unwrap().text();
        let parsed = Note::parse(&note).ok()?;
        let is_large = parsed.text.lines().nth(1).unwrap().parse::<u64>().unwrap() >= size;
        let cosigned = witness_key().public().verify(&parsed.text, &parsed.signatures);
        (is_large && cosigned.is_ok()).then_some(note)
    })
}

/// Writes a policy that demands the witness.
pub(crate) fn policy(root: &Path) -> PathBuf {
    let text = format!("log {}\nwitness audit {}\nquorum audit\n", key().public(), witness_key().public());
    TlogPolicy::parse(&text).unwrap();
    let file = root.join("trust.policy");
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn a_witness_confirms_what_the_collector_signs_and_verifiers_see_it() {
    let root = tempfile::tempdir().unwrap();
    let witness = WitnessProcess::start(root.path(), "127.0.0.1:0");
    let collector = start(root.path(), root.path(), &[("audit", witness.address, witness_key().public())]);
    ingest(&collector, "b", 1..=300);
    confirmed(&collector, "requests", 300);
    ingest(&collector, "b", 301..=700);
    confirmed(&collector, "requests", 700);
    confirmed(&collector, "audit", 1);
    let shown = state(&collector);
    assert_eq!(
        (&shown["signed_by"], &shown["logs"][0]["checkpoint"]["witnesses"]),
        (&json!("witnesses"), &json!(["audit.example.com"]))
    );
    until("its health", || health(&collector, "audit", "requests")["confirmed_size"] == 700);
    assert_eq!(health(&collector, "audit", "requests")["state"], "ok");
    let metrics = collector.with_token("").get("/metrics").unwrap().text();
    assert!(metrics.contains("headgate_collector_witness_failing{witness=\"audit\",log=\"requests\"} 0"), "{metrics}");

    let path = format!("/v1/requests/{}", id("b", 5));
    let mut owner = collector.owner();
    let (record, reply) = (owner.get(&path).unwrap(), owner.get(&format!("{path}/proof")).unwrap());
    assert_eq!(reply.header("x-headgate-signed-by"), Some("operator, witnesses"));
    let proof = TlogProof::parse(&reply.text()).unwrap();
    proof.verify(&leaf_hash(&record.body), &[public("requests")]).unwrap();
    let note = Note::parse(&proof.checkpoint).unwrap();
    witness_key().public().verify(&note.text, &note.signatures).unwrap();

    let policy = policy(root.path());
    let policy = policy.to_str().unwrap();
    let (code, text) = monitor(&collector, root.path(), "state", &["--policy", policy]);
    assert!(code == 0 && text.contains("requests witnesses: confirmed by audit at"), "{text}");
    let mut command = Command::new(BINARY);
    command.arg("verify");
    store::place(&mut command, root.path());
    let done = command.args(["--policy", policy]).output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success() && text.contains("audit witnesses: confirmed by audit at"), "{text}");
}

#[test]
fn a_witness_that_is_gone_holds_nothing_up_and_catches_up() {
    let root = tempfile::tempdir().unwrap();
    let witness = WitnessProcess::start(root.path(), "127.0.0.1:0");
    let address = witness.address;
    let collector = start(root.path(), root.path(), &[("audit", address, witness_key().public())]);
    ingest(&collector, "b", 1..=50);
    confirmed(&collector, "requests", 50);
    drop(witness);
    ingest(&collector, "b", 51..=90);
    until("it is missed", || health(&collector, "audit", "requests")["state"] == "silent");
    let metrics = collector.with_token("").get("/metrics").unwrap().text();
    assert!(metrics.contains("headgate_collector_witness_failing{witness=\"audit\",log=\"requests\"} 1"), "{metrics}");
    // The newest checkpoint goes on being signed; others get the confirmed one, and the proof of a newer entry has the newest.
    until("it is signed", || {
        state(&collector)["logs"][0]["signing_stopped"].is_null() && {
            let reply = collector.owner().get(&format!("/v1/requests/{}/proof", id("b", 90))).unwrap();
            reply.status == 200 && reply.header("x-headgate-signed-by") == Some("operator")
        }
    });
    let _back = WitnessProcess::start(root.path(), &address.to_string());
    confirmed(&collector, "requests", 90);
    until("it is well", || health(&collector, "audit", "requests")["state"] == "ok");
}

/// A stand-in for a witness: answers each request with a text that it makes from the request.
pub(crate) fn stand_in(answer: impl Fn(&AddCheckpoint) -> String + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                continue;
            }
            let request = AddCheckpoint::parse(std::str::from_utf8(&body).unwrap()).unwrap();
            let _ = stream.write_all(answer(&request).as_bytes());
        }
    });
    address
}

pub(crate) fn http(status: u16, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn hostile_answers_confirm_nothing_and_hold_nothing_up() {
    let text = |request: &AddCheckpoint| Note::parse(&request.checkpoint).unwrap().text;
    let line = move |key: &CosigningKey, text: &str| key.cosign(text, 1_700_000_000).line.line();
    let other = CosigningKey::new("audit.example.com", &[5; 32]).unwrap();
    type Answer = Box<dyn Fn(&AddCheckpoint) -> String + Send>;
    let cases: Vec<(&str, &str, Answer)> = vec![
        ("huge", "silent", Box::new(|_| http(200, "text/plain", &"— x AAAAAAAA\n".repeat(90_000)))),
        ("cut", "silent", Box::new(|_| "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n— audit".to_owned())),
        ("empty", "invalid_answer", Box::new(|_| http(200, "text/plain", ""))),
        ("garbage", "silent", Box::new(|_| "\u{1}\u{2} no http\r\n\r\n".to_owned())),
        ("other", "invalid_answer", Box::new(move |request| http(200, "text/plain", &line(&other, &text(request))))),
        (
            "wrong",
            "invalid_answer",
            Box::new(move |_| http(200, "text/plain", &line(&witness_key(), "another text\n"))),
        ),
        ("unknown", "unknown_log", Box::new(|_| http(404, "text/plain", "no\n"))),
        ("refused", "unknown_key", Box::new(|_| http(403, "text/plain", "no\n"))),
        ("fork", "contradicts", Box::new(|_| http(422, "text/plain", "no\n"))),
        ("busy", "silent", Box::new(|_| http(503, "text/plain", "no\n"))),
    ];
    // A collector has eight witnesses at most, each with a key of its own.
    for part in cases.into_iter().enumerate().collect::<Vec<_>>().chunks_mut(1) {
        let (number, (name, expected, answer)) = &mut part[0];
        if !matches!(*number, 0..=9) {
            continue;
        }
        let answer = std::mem::replace(answer, Box::new(|_| String::new()));
        let root = tempfile::tempdir().unwrap();
        let address = stand_in(answer);
        let collector = start(root.path(), root.path(), &[(name, address, witness_key().public())]);
        ingest(&collector, "b", 1..=5);
        checkpoint_of(&collector, "requests", 5);
        until(&format!("{name} is {expected}"), || health(&collector, name, "requests")["state"] == **expected);
        let shown = state(&collector);
        assert_eq!(shown["signed_by"], "operator", "{name}");
        assert!(shown["logs"][0]["signing_stopped"].is_null(), "{name}: {shown}");
    }
}

#[test]
fn a_slow_witness_holds_up_no_other_and_no_signature() {
    let root = tempfile::tempdir().unwrap();
    let slow = stand_in(|_| {
        std::thread::sleep(Duration::from_secs(60));
        String::new()
    });
    let witness = WitnessProcess::start(root.path(), "127.0.0.1:0");
    let other = CosigningKey::new("slow.example.com", &[6; 32]).unwrap();
    let collector = start(
        root.path(),
        root.path(),
        &[("slow", slow, other.public()), ("audit", witness.address, witness_key().public())],
    );
    for part in 0..3_u64 {
        ingest(&collector, "b", part * 10 + 1..=part * 10 + 10);
        confirmed(&collector, "requests", part * 10 + 10);
    }
    until("it is missed", || health(&collector, "slow", "requests")["state"] == "silent");
}

#[test]
fn a_witness_that_has_seen_more_stops_signing_until_an_owner_restarts_the_logs() {
    let root = tempfile::tempdir().unwrap();
    let seen = Arc::new(Mutex::new(0_u64));
    let larger = Arc::clone(&seen);
    let address = stand_in(move |request| match *larger.lock().unwrap() {
        0 => {
            let text = Note::parse(&request.checkpoint).unwrap().text;
            http(200, "text/plain", &witness_key().cosign(&text, 1_700_000_000).line.line())
        }
        size => http(409, "text/x.tlog.size", &format!("{size}\n")),
    });
    let collector = start(root.path(), root.path(), &[("audit", address, witness_key().public())]);
    ingest(&collector, "b", 1..=20);
    let signed = checkpoint_of(&collector, "requests", 20);
    confirmed(&collector, "audit", 1);
    *seen.lock().unwrap() = 5_000;
    assert!(collector.terminate().success());
    // It is known before anything is signed after the start.
    let collector = start(root.path(), root.path(), &[("audit", address, witness_key().public())]);
    ingest(&collector, "b", 21..=40);
    until("signing stops", || state(&collector)["logs"][0]["signing_stopped"] == "rolled_back");
    assert_eq!(health(&collector, "audit", "requests")["state"], "ahead");
    assert_eq!(checkpoint(&collector, "requests").unwrap(), signed, "no further one");
    let entries = collector.owner().get("/v1/audit?event_types=tree.rolled_back").unwrap().json();
    let of_requests: Vec<_> =
        entries["data"].as_array().unwrap().iter().filter(|entry| entry["resource"]["id"] == "requests").collect();
    assert_eq!((of_requests.len(), &of_requests[0]["outcome"]), (1, &json!("failure")), "{entries}");
    ingest(&collector, "b", 41..=60);
    audit::post(&collector, &[audit::entry(1)]);
    assert!(collector.logs().contains("log restart"), "{}", collector.logs());
    *seen.lock().unwrap() = 0;

    let mut command = Command::new(BINARY);
    command.args(["log", "restart", "--reason", "the backup of yesterday"]);
    store::place(&mut command, root.path());
    let done = command.output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let again = key().public().renamed("logs.example.com/headgate/2").unwrap();
    assert!(text.contains(&format!("public_key={again}\n")), "{text}");
    let requests = again.renamed("logs.example.com/headgate/2/requests").unwrap();
    let new = eventually("a checkpoint under the new name", || {
        let note = collector.with_token("").get("/log/requests/checkpoint").unwrap().text();
        headgate_collector_tree::Checkpoint::open(&note, std::slice::from_ref(&requests)).ok()
    });
    assert_eq!(new.size, 60);
    until("signing goes on", || state(&collector)["logs"][0]["signing_stopped"].is_null());
    let entries = collector.owner().get("/v1/audit?event_types=log.restarted").unwrap().json();
    let changes = entries["data"][0]["changes"].to_string();
    assert!(changes.contains("headgate/requests\\n20\\n"), "the last good checkpoint: {changes}");
    let mut command = Command::new(BINARY);
    command.arg("verify");
    store::place(&mut command, root.path());
    let done = command.args(["--public-key", &again.to_string()]).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stdout));
}

#[test]
fn a_rotated_key_signs_beside_its_successor() {
    let root = tempfile::tempdir().unwrap();
    let new = headgate_collector_tree::SigningKey::new("logs.example.com/headgate", &[43; 32]).unwrap();
    let (old_secret, new_secret) = (key().secret(), new.secret());
    let both = [
        ("HEADGATE_COLLECTOR_LOG_KEY", new_secret.as_str()),
        ("HEADGATE_COLLECTOR_FORMER_LOG_KEY", old_secret.as_str()),
        EACH_SECOND,
    ];
    let collector = Collector::start_with_environment(
        root.path(),
        &[("HEADGATE_COLLECTOR_LOG_KEY", old_secret.as_str()), EACH_SECOND],
    );
    ingest(&collector, "b", 1..=5);
    checkpoint_of(&collector, "requests", 5);
    assert!(collector.terminate().success());
    // Before it is rotated, the former key signs alone.
    let collector = Collector::start_with_environment(root.path(), &both);
    ingest(&collector, "b", 6..=10);
    checkpoint_of(&collector, "requests", 10);
    let rotate = |key: &str| {
        let mut command = Command::new(BINARY);
        command.args(["log-key", "rotate", "--public-key", key]);
        store::place(&mut command, root.path());
        command.output().unwrap()
    };
    let named = new.public().renamed("other.example.com").unwrap().to_string();
    assert!(!rotate(&named).status.success(), "another name");
    assert!(!rotate(&key().public().to_string()).status.success(), "the present key");
    let done = rotate(&new.public().to_string());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    ingest(&collector, "b", 11..=20);
    let own = new.public().renamed("logs.example.com/headgate/requests").unwrap();
    let note = eventually("a checkpoint of both keys", || {
        let note = collector.with_token("").get("/log/requests/checkpoint").unwrap().text();
        let size = headgate_collector_tree::Checkpoint::open(&note, std::slice::from_ref(&own)).ok()?.size;
        (size == 20).then_some(note)
    });
    assert_eq!(headgate_collector_tree::Checkpoint::open(&note, &[public("requests")]).unwrap().size, 20);
    assert_eq!(Note::parse(&note).unwrap().signatures.len(), 2);
    let entries = collector.owner().get("/v1/audit?event_types=log.key_rotated").unwrap().json();
    let entry = entries["data"][0].to_string();
    assert!(entry.contains(&new.public().to_string()) && entry.contains(&key().public().to_string()), "{entry}");
    let mut command = Command::new(BINARY);
    command.arg("verify");
    store::place(&mut command, root.path());
    let done = command.args(["--public-key", &new.public().to_string()]).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stdout));
    store::assert_nowhere(root.path(), "PRIVATE+KEY");
}

#[test]
fn a_witness_does_not_start_without_its_memory() {
    let root = tempfile::tempdir().unwrap();
    let state = root.path().join("lost.json");
    let log = public("audit").to_string();
    let key = root.path().join("key");
    std::fs::write(&key, witness_key().secret()).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let source = format!("file:{}", key.display());
    let done = run(BINARY, &["witness", "--state", state.to_str().unwrap(), "--log", &log, "--key", &source]);
    let text = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && text.contains("--init"), "{text}");
    let done = run(BINARY, &["witness", "--state", "x", "--log", &log, "--key", &witness_key().secret()]);
    let text = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && text.contains("everyone on this machine"), "{text}");
    assert!(!text.contains(&witness_key().secret()[30..]), "{text}");
    let made = run(BINARY, &["log-key", "new", "--witness", "--name", "w.example.com"]);
    let made = String::from_utf8(made.stdout).unwrap();
    let line = |name: &str| made.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let key = CosigningKey::parse(line("witness_key=")).unwrap();
    assert_eq!(key.public().to_string(), line("public_key="));
}

#[test]
fn a_review_is_an_audit_entry_that_is_listed() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let made = json!({"role": "auditor", "name": "the reviewer"}).to_string();
    let token = owner.post("/v1/tokens", made.as_bytes()).unwrap().json()["token"].as_str().unwrap().to_owned();
    let mut auditor = collector.with_token(&token);
    let body = json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "filter": "status_class=5xx", "finding": "case 17"});
    let made = auditor.post("/v1/reviews", body.to_string().as_bytes()).unwrap();
    assert_eq!(made.status, 201, "{}", made.text());
    let list = auditor.get("/v1/reviews").unwrap().json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(
        (&list["data"][0]["finding"], &list["data"][0]["actor"]["name"]),
        (&json!("case 17"), &json!("the reviewer"))
    );
    assert_eq!(list["data"][0], made.json());
    let entry = auditor.get(&format!("/v1/audit/{}", made.json()["id"].as_str().unwrap())).unwrap();
    assert_eq!(entry.json()["type"], "review.recorded");
    for (name, value) in [
        ("to", json!("2025-01-01T00:00:00Z")),
        ("to", json!("2099-01-01T00:00:00Z")),
        ("finding", json!("")),
        ("more", json!(1)),
    ] {
        let mut wrong = body.clone();
        wrong[name] = value;
        let reply = auditor.post("/v1/reviews", wrong.to_string().as_bytes()).unwrap();
        assert_eq!(reply.status, 400, "{name}: {}", reply.text());
    }
    assert_eq!(collector.ingest().post("/v1/reviews", body.to_string().as_bytes()).unwrap().status, 403);
    assert_eq!(auditor.get("/v1/reviews").unwrap().json()["data"].as_array().unwrap().len(), 1);
}
