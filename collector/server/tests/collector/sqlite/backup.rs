//! Backups of a running collector, and their restore.

use crate::client::Client;
use crate::process::{BINARY, Collector, run};
use crate::records::batch_of;
use headgate_record::INGEST_PATH;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

const BATCH: u64 = 50;

fn backup(root: &Path, out: &Path) -> Output {
    run(BINARY, &["backup", "--data", root.join("data").to_str().unwrap(), "--out", out.to_str().unwrap()])
}

fn restore(from: &Path, root: &Path, more: &[&str]) -> Output {
    let data = root.join("data");
    let mut args = vec!["restore", "--in", from.to_str().unwrap(), "--data", data.to_str().unwrap()];
    args.extend(more);
    run(BINARY, &args)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

/// Returns a number from the command's output.
fn number(output: &Output, name: &str) -> u64 {
    let text = said(output);
    let found = text.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

fn send(client: &mut Client, first: u64, last: u64) -> serde_json::Value {
    let reply = client.post(INGEST_PATH, &batch_of("n", "b", first..=last)).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn total(collector: &Collector) -> u64 {
    collector.owner().get("/v1/requests?limit=1&total=true").unwrap().json()["total"].as_u64().unwrap()
}

fn backed_up(root: &Path, records: u64) -> PathBuf {
    let collector = Collector::start(root);
    send(&mut collector.ingest(), 1, records);
    let out = root.join("copy.db");
    let done = backup(root, &out);
    assert!(done.status.success(), "{}", said(&done));
    out
}

#[test]
fn a_backup_under_load_holds_all_before_it() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let (acknowledged, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let out = root.path().join("copy.db");
    let (before, after, done) = thread::scope(|scope| {
        scope.spawn(|| {
            let mut ingest = collector.ingest();
            while !stop.load(Ordering::Relaxed) {
                let last = acknowledged.load(Ordering::Relaxed);
                send(&mut ingest, last + 1, last + BATCH);
                acknowledged.store(last + BATCH, Ordering::Relaxed);
            }
        });
        while acknowledged.load(Ordering::Relaxed) < 20 * BATCH {
            thread::yield_now();
        }
        let before = acknowledged.load(Ordering::Relaxed);
        let done = backup(root.path(), &out);
        let after = acknowledged.load(Ordering::Relaxed);
        stop.store(true, Ordering::Relaxed);
        (before, after, done)
    });
    assert!(done.status.success(), "{}", said(&done));
    assert!(after > before, "ingest went on meanwhile");
    assert!((before..=after + BATCH).contains(&number(&done, "requests")), "{before} {after}: {}", said(&done));
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    let log = collector.owner().get("/v1/audit?event_types[]=store.backed_up").unwrap().json();
    assert_eq!(log["data"][0]["actor"]["kind"], "command");

    let elsewhere = tempfile::tempdir().unwrap();
    let restored = restore(&out, elsewhere.path(), &[]);
    assert!(restored.status.success(), "{}", said(&restored));
    let copy = Collector::start(elsewhere.path());
    assert_eq!(total(&copy), number(&done, "requests"));
    let repeated = send(&mut copy.ingest(), 1, before);
    assert_eq!((&repeated["stored"], &repeated["duplicates"]), (&0.into(), &before.into()), "each is there once");
    let log = copy.owner().get("/v1/audit?event_types[]=store.restored").unwrap().json();
    assert_eq!(log["data"][0]["changes"][0]["after"], number(&done, "requests"));
}

#[test]
fn a_backup_replaces_nothing() {
    let root = tempfile::tempdir().unwrap();
    let out = backed_up(root.path(), 10);
    let refused = backup(root.path(), &out);
    assert!(!refused.status.success() && said(&refused).contains("another name"), "{}", said(&refused));
    let nowhere = backup(root.path(), &root.path().join("no/folder/copy.db"));
    assert!(!nowhere.status.success() && said(&nowhere).contains("cannot write"), "{}", said(&nowhere));
    let empty = tempfile::tempdir().unwrap();
    assert!(!backup(empty.path(), &root.path().join("other.db")).status.success());
    let names: Vec<_> = std::fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("part")), "{names:?}");
    assert!(!empty.path().join("data").exists(), "looking made nothing");
}

#[test]
fn a_restore_needs_an_empty_unused_folder() {
    let root = tempfile::tempdir().unwrap();
    let out = backed_up(root.path(), 10);
    let collector = Collector::start(root.path());
    send(&mut collector.ingest(), 11, 12);
    let full = restore(&out, root.path(), &[]);
    assert!(!full.status.success() && said(&full).contains("not empty"), "{}", said(&full));
    let busy = restore(&out, root.path(), &["--replace"]);
    assert!(!busy.status.success() && said(&busy).contains("in use"), "{}", said(&busy));
    assert_eq!(total(&collector), 12);
    assert!(collector.terminate().success());
    let done = restore(&out, root.path(), &["--replace"]);
    assert!(done.status.success(), "{}", said(&done));
    let replaced = said(&done).split_whitespace().find_map(|word| word.strip_prefix("replaced=").map(PathBuf::from));
    assert!(replaced.unwrap().is_file(), "what was there is kept");
    assert_eq!(total(&Collector::start(root.path())), 10);
}

#[test]
fn a_stale_log_does_not_touch_the_restore() {
    let root = tempfile::tempdir().unwrap();
    let out = backed_up(root.path(), 10);
    let collector = Collector::start(root.path());
    send(&mut collector.ingest(), 11, 500);
    collector.kill();
    assert!(root.path().join("data/headgate.db-wal").exists(), "it left a log behind");
    assert!(restore(&out, root.path(), &["--replace"]).status.success());
    let collector = Collector::start(root.path());
    assert_eq!(total(&collector), 10);
    assert_eq!(send(&mut collector.ingest(), 1, 500)["stored"], 490);
}

#[test]
fn an_invalid_backup_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let out = backed_up(root.path(), 400);
    let good = std::fs::read(&out).unwrap();
    let half = good[..good.len() / 2].to_vec();
    let mut flipped = good.clone();
    let middle = good.len() / 2 / 4096 * 4096;
    flipped[middle..middle + 16].fill(0xff);
    let newer = root.path().join("newer.db");
    std::fs::write(&newer, &good).unwrap();
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 9_999).unwrap();
    let cases =
        [("garbage", b"no database at all".repeat(500)), ("empty", Vec::new()), ("half", half), ("flipped", flipped)];
    let elsewhere = tempfile::tempdir().unwrap();
    for (name, bytes) in cases.into_iter().chain([("newer", std::fs::read(&newer).unwrap())]) {
        let bad = root.path().join(format!("{name}.bad"));
        std::fs::write(&bad, bytes).unwrap();
        let refused = restore(&bad, elsewhere.path(), &[]);
        assert!(
            !refused.status.success() && said(&refused).contains("cannot be restored"),
            "{name}: {}",
            said(&refused)
        );
        assert!(!elsewhere.path().join("data").exists(), "{name}");
    }
}

#[test]
fn a_backup_follows_no_link() {
    let root = tempfile::tempdir().unwrap();
    let copy = backed_up(root.path(), 10);
    let (victim, out) = (root.path().join("victim"), root.path().join("out.db"));
    std::fs::write(&victim, "mine").unwrap();
    let part = root.path().join("out.db.part");
    std::os::unix::fs::symlink(&victim, &part).unwrap();
    let refused = backup(root.path(), &out);
    assert!(!refused.status.success() && said(&refused).contains("another backup writes it"), "{}", said(&refused));
    assert!(part.is_symlink() && !out.exists(), "what is another's stays");
    let nothing = root.path().join("nothing");
    assert!(said(&backup(&nothing, &nothing.join("b.db"))).contains("there is no database"));
    assert!(said(&restore(&nothing, &nothing, &[])).contains("there is no file"));
    let other = tempfile::tempdir().unwrap();
    std::fs::create_dir(other.path().join("data")).unwrap();
    std::os::unix::fs::symlink(&victim, other.path().join("data/headgate.db.part")).unwrap();
    assert!(restore(&copy, other.path(), &["--replace"]).status.success());
    assert_eq!(std::fs::read_to_string(victim).unwrap(), "mine");
}

#[test]
fn a_folder_open_to_others_is_reported() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o770)).unwrap();
    assert!(Collector::start(root.path()).logs().contains("chmod 700"));
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    let collector = Collector::start_beside(root.path(), other_logs(root.path()).as_path());
    assert!(!collector.logs().contains("chmod"));
}

/// Returns a folder for the output of a second process.
fn other_logs(root: &Path) -> PathBuf {
    let logs = root.join("logs");
    std::fs::create_dir(&logs).unwrap();
    logs
}
