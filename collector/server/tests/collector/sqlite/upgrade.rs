//! Databases of earlier versions, upgraded by the real binary, also when it is killed meanwhile.

mod faults;
mod versions;

use crate::host_clock::in_seconds;
use crate::process::{BINARY, Collector, run};
use crate::records::record;
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Returns the steps of all versions, as released.
fn steps() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/src/schema");
    let mut files: Vec<(u32, PathBuf)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "sql"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().split('_').next().unwrap().parse().unwrap(), path))
        .collect();
    files.sort();
    assert!(files.iter().map(|(number, _)| *number).eq(1..=u32::try_from(files.len()).unwrap()));
    files.into_iter().map(|(_, path)| std::fs::read_to_string(path).unwrap()).collect()
}

fn newest() -> u32 {
    u32::try_from(steps().len()).unwrap()
}

fn file(root: &Path) -> Connection {
    std::fs::create_dir_all(root.join("data")).unwrap();
    Connection::open(root.join("data/headgate.db")).unwrap()
}

/// Creates a database of version 1 with this many records.
fn version_1(root: &Path, records: u32) {
    version_1_of(root, records, in_seconds(0));
}

/// Does the same for records received at this time, µs.
fn version_1_of(root: &Path, records: u32, received_at: i64) {
    let mut db = file(root);
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").unwrap();
    let tx = db.transaction().unwrap();
    tx.execute_batch(&steps()[0]).unwrap();
    tx.execute("INSERT INTO names VALUES (1, 'n')", []).unwrap();
    for seq in 1..=records {
        let one = record("n", "b", seq.into());
        let id: Vec<u8> = one
            .id
            .replace('-', "")
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let bytes = serde_json::to_vec(&one).unwrap();
        tx.execute("INSERT INTO request_entries VALUES (?1, 1, ?2, ?3)", params![seq, received_at, bytes]).unwrap();
        tx.execute(
            "INSERT INTO requests (position, id, boot, seq, started_at, status, stream, attempts, node, surface,
               environment, config_revision, ended_by) VALUES (?1, ?2, 1, ?1, ?3, 200, 0, 1, 1, 1, 1, 1, 1)",
            params![seq, id, i64::try_from(one.started_at).unwrap()],
        )
        .unwrap();
    }
    tx.execute("INSERT INTO boots (node, boot_id, stored, highest_seq) VALUES ('n', 'b', ?1, ?1)", [records]).unwrap();
    tx.execute("UPDATE log_heads SET next_position = ?1 + 1", [records]).unwrap();
    tx.pragma_update(None, "user_version", 1).unwrap();
    tx.commit().unwrap();
}

fn total(collector: &Collector, filter: &str) -> u64 {
    let page = collector.owner().get(&format!("/v1/requests?limit=1&total=true{filter}")).unwrap().json();
    page["total"].as_u64().unwrap_or_else(|| panic!("{page}"))
}

#[test]
fn version_1_serves_all_its_data() {
    let root = tempfile::tempdir().unwrap();
    version_1(root.path(), 300);
    let collector = Collector::start(root.path());
    assert_eq!((total(&collector, ""), total(&collector, "&stream=true")), (300, 150));
    assert_eq!(collector.owner().get("/v1/gaps").unwrap().json()["data"], serde_json::json!([]));
    let again = collector.ingest().post(headgate_record::INGEST_PATH, &crate::records::batch_of("n", "b", 299..=302));
    assert_eq!(
        (&again.as_ref().unwrap().json()["stored"], &again.unwrap().json()["duplicates"]),
        (&2.into(), &2.into())
    );
    assert!(collector.terminate().success());
    assert!(file(root.path()).query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0)).unwrap() == newest());
}

/// Creates an empty database of the version before the step that contains `change`.
fn before(root: &Path, change: &str) -> Connection {
    let db = file(root);
    db.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    let steps = steps();
    let taken = steps.iter().position(|step| step.contains(change)).unwrap();
    steps[..taken].iter().for_each(|step| db.execute_batch(step).unwrap());
    let version = i64::try_from(taken).unwrap();
    db.pragma_update(None, "application_id", 0x4867_0000 + version).unwrap();
    db.pragma_update(None, "user_version", version).unwrap();
    db
}

#[test]
fn old_audit_entries_are_found_by_revision() {
    let root = tempfile::tempdir().unwrap();
    let db = before(root.path(), "ADD COLUMN revision");
    db.execute("INSERT INTO names VALUES (1, 'x')", []).unwrap();
    for position in 1..=5_u32 {
        let mut entry = crate::any_store::audit::entry(position.into());
        entry["revision"] = serde_json::json!((position != 5).then_some(1 + position / 3));
        let entry: headgate_collector_types::audit::Entry = serde_json::from_value(entry).unwrap();
        let bytes = serde_json::to_vec(&entry).unwrap();
        let hash = headgate_collector_types::leaf_hash(&bytes);
        let now = headgate_collector_types::clock::now_us();
        let sql = "INSERT INTO audit_entries (position, schema, received_at, bytes, leaf) VALUES (?1, 1, ?2, ?3, ?4)";
        db.execute(sql, params![position, now, bytes, hash]).unwrap();
        let sql = "INSERT INTO audit VALUES (?1, ?2, ?3, 1, 1, 1, 1)";
        db.execute(sql, params![position, u128::from(position).to_be_bytes(), now]).unwrap();
    }
    db.execute("UPDATE log_heads SET next_position = 6 WHERE log = 'audit'", []).unwrap();
    drop(db);
    let collector = Collector::start(root.path());
    for (revision, found) in [(1, ["key-1", "key-2"]), (2, ["key-3", "key-4"])] {
        let page = collector.owner().get(&format!("/v1/audit?order=asc&revision={revision}")).unwrap().json();
        let ids = page["data"].as_array().unwrap().iter().map(|entry| entry["resource"]["id"].as_str().unwrap());
        assert!(ids.eq(found), "{page}");
    }
}

#[test]
fn an_upgrade_after_months_deletes_nothing() {
    let root = tempfile::tempdir().unwrap();
    version_1_of(root.path(), 300, in_seconds(-200 * 86_400));
    let collector = Collector::start(root.path());
    crate::any_store::retention::wait_for_run(&collector);
    assert_eq!(total(&collector, ""), 300, "the clock is further ahead of the newest entry than can be believed");
    assert_eq!(crate::host_clock::state(&mut collector.owner(), 0).status, 200);
    crate::any_store::clock_leaps::wait_until(|| total(&collector, "") == 0, "what is past its time goes");
}

#[test]
fn a_killed_upgrade_leaves_old_or_new() {
    let root = tempfile::tempdir().unwrap();
    version_1(root.path(), 20_000);
    let newest = newest();
    let mut killed = 0;
    for pause in [5, 20, 40, 80, 120, 160, 200, 250] {
        let version = file(root.path()).query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0)).unwrap();
        assert!(version == 1 || version == newest, "half of an upgrade: {version}");
        killed += u32::from(version == 1);
        let data = root.path().join("data");
        let mut start = Command::new(BINARY);
        start.args(["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
        let mut child = start.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed >= 1, "no upgrade was ever interrupted");
    let collector = Collector::start(root.path());
    assert_eq!(total(&collector, ""), 20_000);
    assert_eq!(total(&collector, "&stream=true"), 10_000);
}

#[test]
fn a_newer_database_is_refused_and_unchanged() {
    let root = tempfile::tempdir().unwrap();
    assert!(Collector::start(root.path()).terminate().success());
    // The application id belongs to the version: without it the service would change a byte on disk.
    file(root.path()).pragma_update(None, "application_id", 0x4867_0000 + 9_999).unwrap();
    file(root.path()).pragma_update(None, "user_version", 9_999).unwrap();
    let before = std::fs::read(root.path().join("data/headgate.db")).unwrap();
    let data = root.path().join("data");
    for words in [vec!["serve", "--listen", "127.0.0.1:0"], vec!["token", "list"], vec!["init"]] {
        let refused = run(BINARY, &[words, vec!["--data", data.to_str().unwrap()]].concat());
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(
            !refused.status.success() && text.contains("newer version") && text.contains("start that version"),
            "{text}"
        );
    }
    assert!(std::fs::read(root.path().join("data/headgate.db")).unwrap() == before);
}

#[test]
fn a_file_that_is_no_database_is_set_aside() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let garbage = "no database at all, but long enough to be one".repeat(200);
    std::fs::write(data.join("headgate.db"), &garbage).unwrap();
    let collector = Collector::start(root.path());
    assert_eq!(collector.owner().get("/v1/requests").unwrap().status, 200);
    assert!(collector.logs().contains("the database is damaged"), "{}", collector.logs());
    let names = std::fs::read_dir(&data).unwrap().map(|file| file.unwrap().path());
    let aside = |path: &std::path::PathBuf| path.to_string_lossy().contains("headgate.db.damaged-");
    let aside: Vec<_> = names.filter(aside).map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert_eq!(aside, [garbage]);
}
