//! Files damaged by the disk: cut, flipped, zeroed, replaced by garbage, after a kill under load.
//!
//! After any such damage the service starts. Every record that it serves equals, byte for byte, one that was sent; every
//! other one is named as lost. The service takes new records, and no position is used twice.

use crate::process::Collector;
use crate::random::{Random, rounds};
use crate::records::{batch_of, record};
use crate::sqlite::scrub::scrubbed;
use headgate_record::INGEST_PATH;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;

/// Number of operations, and in a soak; `HEADGATE_SURGERIES` overrides it.
const SURGERIES: (u64, u64) = (18, 60);
const SIDE_BY_SIDE: u64 = 3;
const PAGE: u64 = 4096;

fn surgeries() -> u64 {
    std::env::var("HEADGATE_SURGERIES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(rounds(SURGERIES.0, SURGERIES.1))
}

/// A folder after a kill, and its acknowledged entries.
struct Patient {
    root: tempfile::TempDir,
    /// All entries of each log, by position.
    records: Vec<String>,
    entries: Vec<String>,
}

/// Creates a folder with data both in the database and in the write-ahead log.
fn patient() -> Patient {
    let root = tempfile::tempdir().unwrap();
    for (boot, finish) in [("first", true), ("second", false)] {
        let collector = Collector::start(root.path());
        for batch in 0..8_u64 {
            let reply = collector.ingest().post(INGEST_PATH, &batch_of("n", boot, batch * 50 + 1..=batch * 50 + 50));
            assert_eq!(reply.unwrap().json()["stored"], 50);
            let number = batch + if finish { 0 } else { 100 };
            crate::any_store::audit::post(&collector, &[crate::any_store::audit::entry(number + 1)]);
            let name = serde_json::json!({"role": "viewer", "name": format!("{boot}-{batch}")}).to_string();
            assert_eq!(collector.owner().post("/v1/tokens", name.as_bytes()).unwrap().status, 201);
        }
        if finish {
            assert!(collector.terminate().success());
        } else {
            collector.kill();
        }
    }
    let db = rusqlite::Connection::open_with_flags(
        root.path().join("data/headgate.db"),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
    )
    .unwrap();
    let all = |table: &str| {
        let mut select = db.prepare(&format!("SELECT CAST(bytes AS TEXT) FROM {table} ORDER BY position")).unwrap();
        select.query_map([], |row| row.get(0)).unwrap().collect::<Result<Vec<String>, _>>().unwrap()
    };
    let (records, entries) = (all("request_entries"), all("audit_entries"));
    assert_eq!(records.len(), 800);
    Patient { root, records, entries }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to.join("data")).unwrap();
    for file in std::fs::read_dir(from.join("data")).unwrap() {
        let path = file.unwrap().path();
        // A machine that has lost power has no shared memory left.
        if path.extension() != Some("db-shm".as_ref()) {
            std::fs::copy(&path, to.join("data").join(path.file_name().unwrap())).unwrap();
        }
    }
}

fn flip(path: &Path, random: &mut Random, from: u64, to: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    for _ in 0..=random.below(8) {
        let (at, mut byte) = (from + random.below(to - from), [0]);
        file.read_exact_at(&mut byte, at).unwrap();
        byte[0] ^= 1 << random.below(8);
        file.write_all_at(&byte, at).unwrap();
    }
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

fn cut(path: &Path, length: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
}

/// Damages the files; returns a description.
fn operate(data: &Path, random: &mut Random, kind: u64) -> String {
    let (db, log) = (data.join("headgate.db"), data.join("headgate.db-wal"));
    let size = |path: &PathBuf| std::fs::metadata(path).unwrap().len();
    let (db_size, log_size) = (size(&db), size(&log));
    let page = random.below(db_size / PAGE) * PAGE;
    let garbage: Vec<u8> = (0..PAGE).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
    match kind {
        0 => cut(&log, random.below(log_size)),
        1 => flip(&log, random, 0, log_size),
        2 => flip(&db, random, 0, db_size),
        3 => flip(&db, random, 0, 100),
        4 => overwrite(&db, page, &[0; PAGE as usize]),
        5 => overwrite(&db, page, &garbage),
        6 => cut(&db, random.below(db_size)),
        7 => flip(&log, random, 0, 56),
        8 => std::fs::remove_file(&log).unwrap(),
        9 => std::fs::remove_file(&db).unwrap(),
        10 => {
            let nothing = File::create(&db).unwrap();
            nothing.write_all_at(&garbage, 0).unwrap();
        }
        _ => {
            flip(&log, random, 0, log_size);
            flip(&db, random, 0, db_size);
            cut(&log, log_size - random.below(log_size / 4));
        }
    }
    let what = [
        "log cut",
        "log flipped",
        "db flipped",
        "header flipped",
        "page zeroed",
        "page garbage",
        "db cut",
        "log header flipped",
        "log removed",
        "db removed",
        "db garbage",
        "everything",
    ];
    what[usize::try_from(kind).unwrap()].to_owned()
}

/// Starts, and waits until the scrub has read everything; restarts if it requires that.
fn recovered(root: &Path) -> Collector {
    let mut last = String::new();
    for _ in 0..3 {
        let collector = scrubbed(root);
        if !root.join("data/headgate.db.is-damaged").exists() {
            return collector;
        }
        last = collector.logs();
        collector.kill();
    }
    panic!("it is damaged after being made whole: {last}");
}

/// Returns whether a position is named as altered or lost.
fn named(damage: &Value, log: &str, position: u64) -> bool {
    damage["data"].as_array().unwrap().iter().any(|row| {
        let (first, last) = (row["first_position"].as_u64().unwrap(), row["last_position"].as_u64().unwrap());
        row["log"] == log && (first..=last).contains(&position)
    })
}

fn served(collector: &Collector) -> Vec<String> {
    let text = collector.owner().get("/v1/requests.ndjson?order=asc").unwrap().text();
    text.lines().filter(|line| !line.contains(r#""object":"damaged""#)).map(str::to_owned).collect()
}

fn served_entries(collector: &Collector) -> Vec<Value> {
    let (mut owner, mut all, mut after) = (collector.owner(), Vec::new(), String::new());
    loop {
        let page = owner.get(&format!("/v1/audit?order=asc&limit=100{after}")).unwrap().json();
        all.extend(page["data"].as_array().unwrap().iter().cloned());
        if page["has_more"] != true {
            return all;
        }
        after = format!("&after={}", page["next"].as_str().unwrap());
    }
}

/// Returns the entries behind the last acknowledged position.
fn behind(collector: &Collector, position: usize) -> Vec<String> {
    let page = collector.owner().get(&format!("/v1/requests?order=asc&limit=500&after=c1_{position:x}")).unwrap();
    assert_eq!(page.status, 200, "{}", page.text());
    page.json()["data"].as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

/// Runs one operation; returns the number of remaining records.
fn survives(patient: &Patient, seed: u64, kind: u64) -> usize {
    let root = tempfile::tempdir().unwrap();
    copy(patient.root.path(), root.path());
    let mut random = Random::seeded(seed);
    let what = operate(&root.path().join("data"), &mut random, kind);
    let collector = recovered(root.path());
    let damage = collector.owner().get("/v1/damage").unwrap().json();
    let case = format!("{what}, seed {seed}\n{}\n{damage}", collector.logs());
    let sent: BTreeMap<&str, u64> = patient.records.iter().map(String::as_str).zip(1..).collect();
    let served = served(&collector);
    for record in &served {
        assert!(sent.contains_key(record.as_str()), "served, but never sent: {record}\n{case}");
    }
    for (record, position) in &sent {
        let there = served.iter().filter(|one| one == record).count();
        assert!(
            there == 1 || (there == 0 && named(&damage, "requests", *position)),
            "{position}: {there} times\n{case}"
        );
    }
    let entries = served_entries(&collector);
    for (entry, position) in patient.entries.iter().zip(1..) {
        let entry: Value = serde_json::from_str(entry).unwrap();
        assert!(entries.contains(&entry) || named(&damage, "audit", position), "audit {position}\n{case}");
    }
    let (first, behind_all) = (patient.records.len() as u64 + 1, patient.records.len() as u64 + 100);
    assert!(
        (first..behind_all).all(|position| !named(&damage, "requests", position)),
        "named, but never given\n{case}"
    );
    if served.len() == sent.len() {
        assert_eq!(crate::any_store::usage::requests(&collector), sent.len() as u64, "{case}");
    }
    let late = batch_of("n", "late", 1..=10);
    let reply = collector.ingest().post(INGEST_PATH, &late).unwrap();
    assert_eq!(reply.json()["stored"], 10, "{}: {}\n{}\n{case}", reply.status, reply.text(), collector.logs());
    let expected: Vec<_> = (1..=10).map(|seq| record("n", "late", seq).id).collect();
    assert_eq!(behind(&collector, patient.records.len()), expected, "a position was given again\n{case}");
    assert!(collector.terminate().success());
    let collector = Collector::start(root.path());
    assert_eq!(served.len() + 10, self::served(&collector).len(), "{case}");
    served.len()
}

#[test]
fn an_older_copy_names_the_lost_entries() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=20)).unwrap();
    assert!(collector.terminate().success());
    let database = root.path().join("data/headgate.db");
    std::fs::copy(&database, root.path().join("older")).unwrap();
    let collector = Collector::start(root.path());
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 21..=30)).unwrap();
    assert!(collector.terminate().success());
    std::fs::copy(root.path().join("older"), &database).unwrap();
    let collector = Collector::start(root.path());
    let damage = collector.owner().get("/v1/damage").unwrap().json();
    assert!((21..=30).all(|position| named(&damage, "requests", position)), "{damage}");
    let again = collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 21..=30)).unwrap().json();
    assert_eq!(again["stored"], 10, "who still has them may send them again: {again}");
    assert_eq!(behind(&collector, 30).len(), 10, "at positions of their own");
}

#[test]
fn a_damaged_store_keeps_its_intact_entries() {
    let patient = patient();
    let seed = Random::seed("HEADGATE_SURGERY_SEED");
    thread::scope(|scope| {
        for lane in 0..SIDE_BY_SIDE {
            let patient = &patient;
            scope.spawn(move || {
                for number in (lane..surgeries()).step_by(usize::try_from(SIDE_BY_SIDE).unwrap()) {
                    let kept = survives(patient, seed + number, number % 12);
                    if matches!(number % 12, 1..=5 | 7) {
                        assert!(kept >= 700, "a few bytes cost {} records of 800", 800 - kept);
                    }
                }
            });
        }
    });
}
