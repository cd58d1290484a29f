//! The disk says no: the sender hears so within a second, and all goes on once it can.

use crate::client::Reply;
use crate::fleet::{Proxy, listed, row};
use crate::process::{Collector, run};
use crate::records::{batch, batch_of, record};
use headgate_limits::SYNC_PATH;
use headgate_record::INGEST_PATH;
use std::time::{Duration, Instant};

/// The aim is a second; a busy machine gets three, which still tells an answer from a hang.
const PROMPT: Duration = Duration::from_secs(3);

fn assert_try_again(reply: &Reply, since: Instant) {
    assert!(since.elapsed() < PROMPT, "{:?}", since.elapsed());
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(reply.json()["error"]["code"], "store_unavailable");
}

fn assert_cannot_write(collector: &Collector, boot: &str) {
    let since = Instant::now();
    let reply = collector.ingest().post(INGEST_PATH, &batch_of("n", boot, 1..=5));
    assert_try_again(&reply.unwrap(), since);
    let since = Instant::now();
    let entries = serde_json::json!({"entries": [crate::audit::entry(1)]}).to_string();
    assert_try_again(&collector.ingest().post("/v1/audit", entries.as_bytes()).unwrap(), since);
    let since = Instant::now();
    assert_try_again(&collector.owner().get("/readyz").unwrap(), since);
    assert_eq!(collector.owner().get("/healthz").unwrap().status, 200);
}

fn assert_can_write(collector: &Collector, boot: &str) {
    let reply = collector.ingest().post(INGEST_PATH, &batch_of("n", boot, 1..=5));
    assert_eq!(reply.unwrap().json()["stored"], 5);
    let kept = crate::audit::post(collector, &[crate::audit::entry(u64::from(collector.id()))]);
    assert_eq!(kept["stored"].as_u64().unwrap() + kept["duplicates"].as_u64().unwrap(), 1);
    assert_eq!(collector.owner().get("/readyz").unwrap().status, 200);
}

/// Records with a name that no other record has.
fn latecomers(count: u64) -> Vec<String> {
    let late = |seq| {
        let mut late = record("n", "new", seq);
        late.requested_model = Some("latecomer".to_owned());
        serde_json::to_string(&late).unwrap()
    };
    (1..=count).map(late).collect()
}

#[test]
fn a_full_disk_costs_no_acknowledged_record_and_writing_resumes_without_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start_with_file_limit(root.path(), 2048);
    let mut ingest = collector.ingest();
    let mut acknowledged = 0;
    let refused = loop {
        let since = Instant::now();
        let seqs = acknowledged + 1..=acknowledged + 100;
        let reply = ingest.post(INGEST_PATH, &batch_of("n", "b", seqs)).unwrap();
        if reply.status != 200 {
            assert_try_again(&reply, since);
            break reply;
        }
        acknowledged += 100;
        assert!(acknowledged < 100_000, "the limit was never met");
    };
    assert_eq!(refused.status, 503);
    assert!(acknowledged >= 100);
    let since = Instant::now();
    let new_names = batch("n", "new", 0, &latecomers(300));
    let again = ingest.post(INGEST_PATH, &new_names).unwrap();
    assert_try_again(&again, since);
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
    assert_can_write(&collector, "later");
    collector.owner().get("/v1/requests?limit=2").unwrap();
    let reads = collector.owner().get("/v1/audit?event_types[]=request.read").unwrap().json();
    assert_eq!(reads["data"].as_array().unwrap().len(), 1, "what was read meanwhile is noted once the disk takes it");
    let logs = collector.logs();
    assert!(logs.contains("cannot be written") && logs.contains("can be written again"), "{logs}");
}

#[test]
fn a_database_that_is_moved_away_is_not_written_into_the_void() {
    let root = tempfile::tempdir().unwrap();
    let (data, away) = (root.path().join("data"), root.path().join("away"));
    let collector = Collector::start(root.path());
    assert_can_write(&collector, "first");
    std::fs::rename(&data, &away).unwrap();
    assert_cannot_write(&collector, "second");
    std::fs::rename(&away, &data).unwrap();
    assert_can_write(&collector, "second");
}

#[test]
fn a_lock_of_another_process_delays_but_does_not_break() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let other = rusqlite::Connection::open(root.path().join("data/headgate.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_cannot_write(&collector, "b");
    other.execute_batch("ROLLBACK").unwrap();
    assert_can_write(&collector, "b");
}

#[test]
fn a_report_that_the_store_does_not_take_counts_once_when_it_comes_again_and_gives_no_share_away() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    // A collector that has just started gives no shares.
    std::thread::sleep(Duration::from_millis(10_100));
    let mut proxy = Proxy::new("one");
    let rows = vec![row("team", "search", 200)];
    assert_eq!(proxy.report(&collector, rows.clone()).rows[0].share, Some(800));
    let other = rusqlite::Connection::open(root.path().join("data/headgate.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    proxy.seq += 1;
    let since = Instant::now();
    assert_try_again(&collector.ingest().post(SYNC_PATH, &proxy.body(rows.clone())).unwrap(), since);
    other.execute_batch("ROLLBACK").unwrap();
    for _ in 0..2 {
        let again = proxy.repeat(&collector, rows.clone());
        assert_eq!(again.rows[0].total, 400);
    }
    assert_eq!(listed(&collector, "/v1/budgets")[0]["used"], 400);
}

#[test]
fn reports_are_counted_again_once_a_full_disk_has_room() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start_with_file_limit(root.path(), 1024);
    let mut proxy = Proxy::new("one");
    let mut acknowledged = 0;
    let rows = |seq: u64| (0..500).map(|one| row("team", &format!("t{seq}-{one}"), 1)).collect::<Vec<_>>();
    let rest = loop {
        proxy.seq += 1;
        let since = Instant::now();
        let reply = collector.ingest().post(SYNC_PATH, &proxy.body(rows(proxy.seq))).unwrap();
        if reply.status != 200 {
            assert_try_again(&reply, since);
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
fn a_folder_that_cannot_be_opened_ends_the_start_with_the_reason() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let output = run(crate::process::BINARY, &["serve", "--listen", "127.0.0.1:0", "--data", file.to_str().unwrap()]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot open the store"));
}
