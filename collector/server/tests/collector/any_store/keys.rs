//! The keys of the logs over time: the end of a rotation, and logs that are begun anew with another key.

use super::trees::{EACH_SECOND, checkpoint_of, ingest, key, public};
use crate::patience::eventually;
use crate::process::{BINARY, Collector};
use crate::store;
use headgate_collector_tree::{Checkpoint, Note, SigningKey, VerifyingKey};
use std::path::Path;
use std::process::{Command, Output};

fn new_key(name: &str) -> SigningKey {
    SigningKey::new(name, &[43; 32]).unwrap()
}

fn start(root: &Path, own: &SigningKey, former: Option<&SigningKey>) -> Collector {
    let (own, former) = (own.secret(), former.map(SigningKey::secret).unwrap_or_default());
    let mut variables = vec![("HEADGATE_COLLECTOR_LOG_KEY", own.as_str()), EACH_SECOND];
    if !former.is_empty() {
        variables.push(("HEADGATE_COLLECTOR_FORMER_LOG_KEY", former.as_str()));
    }
    Collector::start_with_environment(root, &variables)
}

fn command(root: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(words);
    store::place(&mut command, root);
    command.output().unwrap()
}

/// Waits for a checkpoint of the request log of this size that a key has signed.
fn note_of(collector: &Collector, key: &VerifyingKey, size: u64) -> String {
    eventually("a checkpoint of the key", || {
        let note = collector.with_token("").get("/log/requests/checkpoint").unwrap().text();
        let found = Checkpoint::open(&note, std::slice::from_ref(key)).ok()?;
        (found.size == size).then_some(note)
    })
}

/// Runs a statement on the store.
fn execute(root: &Path, sql: &str) {
    match store::database(root) {
        Some(url) => drop(store::query(&url, sql)),
        None => {
            let db = rusqlite::Connection::open(root.join("data/headgate.db")).unwrap();
            assert_eq!(db.execute(sql, []).unwrap(), 1, "{sql}");
        }
    }
}

const DAY_US: i64 = 86_400_000_000;

#[test]
fn a_rotated_key_signs_for_30_days_and_no_longer() {
    let root = tempfile::tempdir().unwrap();
    let new = new_key("logs.example.com/headgate");
    let own = new.public().renamed("logs.example.com/headgate/requests").unwrap();
    let collector = start(root.path(), &key(), None);
    ingest(&collector, "b", 1..=5);
    checkpoint_of(&collector, "requests", 5);
    assert!(collector.terminate().success());
    let collector = start(root.path(), &new, Some(&key()));
    let done = command(root.path(), &["log-key", "rotate", "--public-key", &new.public().to_string()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let until = store::number(root.path(), "SELECT signs_until FROM former_log_keys");
    let replaced = store::number(root.path(), "SELECT replaced_at FROM former_log_keys");
    assert_eq!(until - replaced, 30 * DAY_US);

    // 29 days later both sign.
    execute(root.path(), &format!("UPDATE former_log_keys SET signs_until = signs_until - {}", 29 * DAY_US));
    ingest(&collector, "b", 6..=10);
    assert_eq!(Note::parse(&note_of(&collector, &own, 10)).unwrap().signatures.len(), 2);
    // 31 days later the new key signs alone, although the service still has the former one.
    execute(root.path(), &format!("UPDATE former_log_keys SET signs_until = signs_until - {}", 2 * DAY_US));
    ingest(&collector, "b", 11..=20);
    let note = note_of(&collector, &own, 20);
    assert_eq!(Note::parse(&note).unwrap().signatures.len(), 1, "{note}");
    assert!(Checkpoint::open(&note, &[public("requests")]).is_err(), "{note}");
    let done = command(root.path(), &["verify", "--public-key", &new.public().to_string()]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stdout));
}

#[test]
fn logs_are_begun_anew_with_another_key_of_another_name() {
    let root = tempfile::tempdir().unwrap();
    let new = new_key("new.example.com/headgate");
    let own = new.public().renamed("new.example.com/headgate/requests").unwrap();
    let collector = start(root.path(), &key(), None);
    ingest(&collector, "b", 1..=30);
    let last = checkpoint_of(&collector, "requests", 30);
    let restart = |key: &VerifyingKey| {
        command(root.path(), &["log", "restart", "--reason", "the key was stolen", "--public-key", &key.to_string()])
    };
    let refused = restart(&new.public().renamed("logs.example.com/headgate").unwrap());
    assert!(!refused.status.success(), "the name of the present key");
    assert_eq!(checkpoint_of(&collector, "requests", 30), last, "nothing has changed");
    assert!(collector.terminate().success());
    let done = restart(new.public());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));

    // The stolen key signs nothing more.
    let collector = start(root.path(), &key(), None);
    ingest(&collector, "b", 31..=40);
    eventually("signing stops", || {
        let state = collector.owner().get("/v1/log").unwrap().json();
        (state["logs"][0]["signing_stopped"] == "other_key").then_some(())
    });
    assert_eq!(collector.with_token("").get("/log/requests/checkpoint").unwrap().status, 404);
    assert!(collector.terminate().success());
    let collector = start(root.path(), &new, Some(&key()));
    let note = note_of(&collector, &own, 40);
    assert_eq!(Note::parse(&note).unwrap().signatures.len(), 1, "the former key does not sign beside it: {note}");
    let entries = collector.owner().get("/v1/audit?event_types=log.restarted").unwrap().json();
    let changes = entries["data"][0]["changes"].to_string();
    assert!(changes.contains("the key was stolen") && changes.contains("headgate/requests\\n30\\n"), "{changes}");
    let new_public = new.public().to_string();
    let done = command(root.path(), &["verify", "--public-key", &new_public]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stdout));
    let again = restart(key().public());
    assert!(!again.status.success(), "a key that signed before does not come back");
    let old = command(root.path(), &["verify", "--public-key", &key().public().to_string()]);
    assert_ne!(old.status.code(), Some(0), "the stolen key is no longer that of the logs");
}
