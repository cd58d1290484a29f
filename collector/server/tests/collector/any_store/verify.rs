//! `verify`: both logs of a store from their bytes, and of a running collector from outside.

use super::audit;
use super::trees::{checkpoint_of, forge, ingest, key, start};
use crate::process::{BINARY, Collector};
use crate::store;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Runs `verify` on the store of `root`; returns its code and what it says.
fn verify(root: &Path, more: &[&str]) -> (i32, String) {
    let mut command = Command::new(BINARY);
    command.arg("verify");
    store::place(&mut command, root);
    let output = command.args(more).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// Runs `verify` on a running collector, with its state in `root/name`.
pub(crate) fn monitor(collector: &Collector, root: &Path, name: &str, more: &[&str]) -> (i32, String) {
    let (url, state) = (format!("http://{}", collector.address), root.join(name));
    let args = ["verify", "--url", &url, "--state", state.to_str().unwrap()];
    let output = Command::new(BINARY).args(args).args(more).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// Waits until both logs are signed, the request log with this many entries.
fn signed(collector: &Collector, requests: u64) {
    checkpoint_of(collector, "requests", requests);
    checkpoint_of(collector, "audit", 1);
}

#[test]
fn a_whole_log_holds_from_inside_and_outside() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path());
    let public = key().public().to_string();
    for part in 0..3_u64 {
        ingest(&collector, "b", part * 250 + 1..=part * 250 + 250);
        checkpoint_of(&collector, "requests", part * 250 + 250);
        audit::post(&collector, &[audit::entry(part)]);
        checkpoint_of(&collector, "audit", part + 1);
        let seen = monitor(&collector, root.path(), "state", &["--public-key", &public]);
        assert_eq!(seen.0, 0, "{}", seen.1);
    }
    let (code, text) = verify(root.path(), &["--public-key", &public]);
    assert!(code == 0 && text.contains("ok           requests: 750 entries have their hashes"), "{text}");
    assert!(text.contains("750 leaves; the root is that of the entries"), "{text}");
    assert!(text.contains("states that the audit log notes fit the entries"), "{text}");
    assert!(text.contains("signed by the operator only"), "{text}");
    let seen = monitor(&collector, root.path(), "state", &[]);
    assert!(seen.0 == 0 && seen.1.contains("2 of 2 tiles of leaves"), "{}", seen.1);
    assert!(collector.terminate().success());
    let (code, json) = verify(root.path(), &["--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["judgement"]), (0, &"holds".into()), "{json}");
}

#[test]
fn a_record_changed_together_with_its_hash_is_found() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path());
    ingest(&collector, "b", 1..=600);
    signed(&collector, 600);
    let public = key().public().to_string();
    let seen = monitor(&collector, root.path(), "state", &["--public-key", &public]);
    assert_eq!(seen.0, 0, "{}", seen.1);
    assert!(collector.terminate().success());
    // Far from the right edge of the tree, which alone the collector looks at before it signs.
    forge(root.path(), 100);
    let collector = start(root.path());
    ingest(&collector, "b", 601..=620);
    checkpoint_of(&collector, "requests", 620);
    let (code, text) = verify(root.path(), &["--public-key", &public]);
    assert!(code == 1 && text.contains("CONTRADICTED requests 1-256: these entries are not those"), "{text}");
    assert!(text.contains("CONTRADICTED requests checkpoints: 2 of 2 have another root"), "{text}");
    assert!(!text.contains("CONTRADICTED audit"), "{text}");
    let (code, text) = monitor(&collector, root.path(), "state", &[]);
    assert!(code == 1 && text.contains("CONTRADICTED requests 1-256: these entries were changed"), "{text}");
    let again = monitor(&collector, root.path(), "state", &[]);
    assert_eq!(again.0, 1, "what is contradicted is not taken over: {}", again.1);
}

#[test]
fn another_history_contradicts_the_monitor() {
    let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let public = key().public().to_string();
    let (first, second) = (start(root.path()), start(other.path()));
    ingest(&first, "b", 1..=300);
    signed(&first, 300);
    let look = |collector: &Collector, more: &[&str]| monitor(collector, root.path(), "state", more);
    let seen = look(&first, &["--public-key", &public]);
    assert_eq!(seen.0, 0, "{}", seen.1);
    ingest(&second, "other", 1..=200);
    signed(&second, 200);
    let (code, text) = look(&second, &[]);
    assert!(code == 1 && text.contains("300 entries was signed before, and now one of 200"), "{text}");
    ingest(&second, "other", 201..=400);
    signed(&second, 400);
    let (code, text) = look(&second, &[]);
    assert!(code == 1 && text.contains("CONTRADICTED requests growth: from 300 to 400"), "{text}");
    assert_eq!(look(&first, &[]).0, 0, "the first history still holds");
}

#[test]
fn without_a_key_or_an_answer_nothing_is_judged() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let public = key().public().to_string();
    ingest(&collector, "b", 1..=3);
    let (code, text) = monitor(&collector, root.path(), "state", &[]);
    assert!(code == 2 && text.contains("--public-key"), "{text}");
    let (code, text) = monitor(&collector, root.path(), "state", &["--public-key", &public]);
    assert!(code == 2 && text.contains("UNKNOWN      requests: GET /log/requests/checkpoint: status 404"), "{text}");
    let (code, text) = verify(root.path(), &[]);
    assert!(code == 0 && text.contains("not signed: no log key is configured"), "{text}");
    drop(collector);
    let gone = Command::new(BINARY)
        .args(["verify", "--url", "http://127.0.0.1:9", "--public-key", &public, "--state"])
        .arg(root.path().join("other"))
        .status();
    assert_eq!(gone.unwrap().code(), Some(2));
    let nowhere = root.path().join("nowhere");
    let status = Command::new(BINARY).args(["verify", "--data", nowhere.to_str().unwrap()]).status();
    assert_eq!(status.unwrap().code(), Some(2));
}
