//! Failing disks: the sender learns of the failure within a second, reads go on, and writes resume when the disk recovers.

pub(crate) mod everything;

use crate::any_store::fleet::{Proxy, listed, row};
use crate::client::Client;
use crate::process::{Collector, OWNER, run};
use crate::records::{batch, batch_of, record};
use everything::{assert_try_again, everything_is_read, everything_is_written, nothing_is_written};
use headgate_limits::SYNC_PATH;
use headgate_record::INGEST_PATH;
use std::path::Path;
use std::time::Duration;

/// Returns records with a name that no other record has.
fn latecomers(count: u64) -> Vec<String> {
    let late = |seq| {
        let mut late = record("n", "new", seq);
        late.requested_model = Some("latecomer".to_owned());
        serde_json::to_string(&late).unwrap()
    };
    (1..=count).map(late).collect()
}

#[test]
fn a_full_disk_costs_no_acknowledged_record() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start_with_file_limit(root.path(), 2048);
    let mut ingest = collector.ingest();
    let mut acknowledged = 0;
    let refused = loop {
        let seqs = acknowledged + 1..=acknowledged + 100;
        let reply = ingest.post(INGEST_PATH, &batch_of("n", "b", seqs)).unwrap();
        if reply.status != 200 {
            assert_try_again(&reply);
            break reply;
        }
        acknowledged += 100;
        assert!(acknowledged < 100_000, "the limit was never met");
    };
    assert_eq!(refused.status, 503);
    assert!(acknowledged >= 100);
    let new_names = batch("n", "new", 0, &latecomers(300));
    let again = ingest.post(INGEST_PATH, &new_names).unwrap();
    assert_try_again(&again);
    let page = collector.owner().get("/v1/requests?limit=1").unwrap().json();
    assert_eq!(page["data"][0]["seq"], acknowledged, "reading goes on");
    let one = collector.owner().get(&format!("/v1/requests/{}", crate::records::id("b", 1))).unwrap();
    assert_eq!(one.status, 200, "also what is noted in the audit log");

    let raised = run("prlimit", &["--pid", &collector.id().to_string(), "--fsize=unlimited:"]);
    assert!(raised.status.success());
    let all = ingest.post(INGEST_PATH, &batch_of("n", "b", 1..=acknowledged + 500)).unwrap();
    assert_eq!(all.json()["stored"], 500, "{}", all.text());
    assert_eq!(all.json()["duplicates"], acknowledged);
    let late = batch("n", "new", 0, &latecomers(1));
    assert_eq!(ingest.post(INGEST_PATH, &late).unwrap().json()["stored"], 1);
    let found = collector.owner().get("/v1/requests?requested_model=latecomer");
    assert_eq!(found.unwrap().json()["data"][0]["boot"], "new", "names of the failed batch are known anew");
    everything_is_written(&collector, "later");
    collector.owner().get("/v1/requests?limit=2").unwrap();
    let reads = collector.owner().get("/v1/audit?event_types[]=request.read").unwrap().json();
    assert_eq!(reads["data"].as_array().unwrap().len(), 1, "what was read meanwhile is noted once the disk takes it");
    let logs = collector.logs();
    assert!(logs.contains("cannot be written") && logs.contains("can be written again"), "{logs}");
}

#[test]
fn a_disk_without_a_byte_recovers_with_room() {
    let root = tempfile::tempdir().unwrap();
    let Some(collector) = Collector::start_on_small_disk(root.path(), 8) else {
        eprintln!("not run: this user may not mount a small disk");
        return;
    };
    everything_is_written(&collector, "a");
    let filler = Path::new("/proc").join(collector.id().to_string()).join("root");
    let filler = filler.join(root.path().strip_prefix("/").unwrap()).join("data/filler");
    let filled = std::fs::write(&filler, vec![1; 16 << 20]).unwrap_err();
    assert_eq!(filled.kind(), std::io::ErrorKind::StorageFull);
    nothing_is_written(&collector, "b");
    everything_is_read(&collector);
    std::fs::remove_file(&filler).unwrap();
    everything_is_written(&collector, "b");
}

#[test]
fn a_size_limit_on_files_is_survived() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start_with_file_limit(root.path(), 1 << 20);
    everything_is_written(&collector, "a");
    let limit = |size: &str| run("prlimit", &["--pid", &collector.id().to_string(), size]).status.success();
    assert!(limit("--fsize=0:"));
    nothing_is_written(&collector, "b");
    everything_is_read(&collector);
    assert!(limit("--fsize=unlimited:"));
    everything_is_written(&collector, "b");
}

#[test]
fn a_read_only_or_broken_disk_is_survived() {
    const EIO: &str = "5";
    const EROFS: &str = "30";
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start_on_faulty_disk(root.path());
    everything_is_written(&collector, "a");
    for (name, error) in [("b", EROFS), ("c", EIO)] {
        std::fs::write(root.path().join("fault"), error).unwrap();
        nothing_is_written(&collector, name);
        everything_is_read(&collector);
        std::fs::remove_file(root.path().join("fault")).unwrap();
        everything_is_written(&collector, name);
    }
    let logs = collector.logs();
    assert_eq!(logs.matches("the disk answers with errors").count(), 2, "{logs}");
    assert_eq!(logs.matches("can be written again").count(), 2, "{logs}");
}

#[test]
fn an_unwritable_folder_costs_no_records() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    everything_is_written(&collector, "a");
    set_rights(&root.path().join("data"), 0o500, 0o400);
    // The files are already open, so this may succeed; it must neither hang nor lie.
    let reply = collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=5)).unwrap();
    assert!(matches!(reply.status, 200 | 503), "{}", reply.text());
    everything_is_read(&collector);
    set_rights(&root.path().join("data"), 0o700, 0o600);
    collector.kill();
    let collector = Collector::start(root.path());
    let again = collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=5)).unwrap().json();
    assert_eq!(again["duplicates"], if reply.status == 200 { 5 } else { 0 });
}

fn set_rights(folder: &Path, of_folder: u32, of_files: u32) {
    use std::os::unix::fs::PermissionsExt;
    let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    std::fs::read_dir(folder).unwrap().for_each(|file| set(&file.unwrap().path(), of_files));
    set(folder, of_folder);
}

#[test]
fn a_moved_database_is_not_written_further() {
    let root = tempfile::tempdir().unwrap();
    let (data, away) = (root.path().join("data"), root.path().join("away"));
    let collector = Collector::start(root.path());
    everything_is_written(&collector, "first");
    std::fs::rename(&data, &away).unwrap();
    nothing_is_written(&collector, "second");
    std::fs::rename(&away, &data).unwrap();
    everything_is_written(&collector, "second");
}

#[test]
fn a_foreign_lock_delays_but_does_not_break() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let other = rusqlite::Connection::open(root.path().join("data/headgate.db")).unwrap();
    everything_is_written(&collector, "a");
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    nothing_is_written(&collector, "b");
    everything_is_read(&collector);
    other.execute_batch("ROLLBACK").unwrap();
    everything_is_written(&collector, "b");
}

#[test]
fn a_read_of_a_departed_client_is_recorded() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    everything_is_written(&collector, "a");
    let path = format!("/v1/requests/{}", crate::records::id("a", 1));
    let other = rusqlite::Connection::open(root.path().join("data/headgate.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut hasty = collector.owner();
    hasty.ask(&path).unwrap();
    std::thread::sleep(Duration::from_millis(60));
    drop(hasty);
    std::thread::sleep(Duration::from_millis(600));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(collector.owner().get(&path).unwrap().status, 200);
    let reads = collector.owner().get("/v1/audit?event_types[]=request.read").unwrap().json();
    assert_eq!(reads["data"].as_array().unwrap().len(), 2, "{reads}");
}

#[test]
fn a_hanging_disk_blocks_no_reads() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start_on_faulty_disk(root.path());
    everything_is_written(&collector, "a");
    std::fs::write(root.path().join("fault"), "hang").unwrap();
    let path = format!("/v1/requests/{}", crate::records::id("a", 1));
    std::thread::scope(|scope| {
        let written = scope.spawn(|| everything::nothing_is_confirmed(&collector, "b"));
        let mut owner = Client::connect(collector.address, OWNER).unwrap().patient(Duration::from_secs(6));
        for path in ["/v1/requests?limit=1", &path, "/v1/usage"] {
            let reply = owner.get(path).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        }
        written.join().unwrap();
    });
    std::fs::remove_file(root.path().join("fault")).unwrap();
    let read = |owner: &mut Client| {
        let reads = owner.get("/v1/audit?event_types[]=request.read").unwrap().json();
        reads["data"].as_array().unwrap().len()
    };
    assert_eq!(collector.owner().get(&path).unwrap().status, 200);
    assert_eq!(read(&mut collector.owner()), 2, "what was read meanwhile is noted once");
}

#[test]
fn an_incomplete_export_breaks_off() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    crate::any_store::exports::fill(&collector);
    let mut client = collector.owner();
    assert_eq!(client.begin("/v1/requests.ndjson").unwrap().status, 200);
    for file in ["headgate.db", "headgate.db-wal"] {
        let file = std::fs::File::options().write(true).open(root.path().join("data").join(file)).unwrap();
        file.set_len(0).unwrap();
    }
    assert!(client.rest().is_err());
}

#[test]
fn an_unsaved_report_is_counted_once() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    // A collector that has just started gives no shares.
    std::thread::sleep(Duration::from_millis(10_100));
    let mut proxy = Proxy::new("one");
    let rows = vec![row("team", "search", 200)];
    assert_eq!(proxy.report(&collector, rows.clone()).rows[0].share, Some(700));
    let other = rusqlite::Connection::open(root.path().join("data/headgate.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    proxy.seq += 1;
    assert_try_again(&collector.ingest().post(SYNC_PATH, &proxy.body(rows.clone())).unwrap());
    other.execute_batch("ROLLBACK").unwrap();
    for _ in 0..2 {
        let again = proxy.repeat(&collector, rows.clone());
        assert_eq!(again.rows[0].total, 400);
    }
    assert_eq!(listed(&collector, "/v1/budgets")[0]["used"], 400);
}

#[test]
fn reports_are_counted_after_a_full_disk() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start_with_file_limit(root.path(), 1024);
    let mut proxy = Proxy::new("one");
    let mut acknowledged = 0;
    let rows = |seq: u64| (0..500).map(|one| row("team", &format!("t{seq}-{one}"), 1)).collect::<Vec<_>>();
    let rest = loop {
        proxy.seq += 1;
        let reply = collector.ingest().post(SYNC_PATH, &proxy.body(rows(proxy.seq))).unwrap();
        if reply.status != 200 {
            assert_try_again(&reply);
            break rows(proxy.seq);
        }
        acknowledged += 500;
        assert!(acknowledged < 100_000, "the limit was never met");
    };
    let raised = run("prlimit", &["--pid", &collector.id().to_string(), "--fsize=unlimited:"]);
    assert!(raised.status.success());
    let reply = proxy.repeat(&collector, rest);
    assert!(reply.rows[..500].iter().all(|row| row.total == 1 && row.share.is_none()), "its shares are forgotten");
    let db = rusqlite::Connection::open(root.path().join("data/headgate.db")).unwrap();
    let sum: i64 = db.query_row("SELECT sum(used) FROM limit_counts", [], |row| row.get(0)).unwrap();
    assert_eq!(sum, acknowledged + 500);
}

#[test]
fn an_unusable_folder_ends_the_start() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let output = run(crate::process::BINARY, &["serve", "--listen", "127.0.0.1:0", "--data", file.to_str().unwrap()]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot open the store"));
}
