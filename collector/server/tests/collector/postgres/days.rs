//! Partitions of a log by day: empty ones are dropped after retention, and entries under a hold or of a longer class keep theirs.

use super::numbers;
use crate::any_store::retention::{of_class, rules, send, set, start_in_days, told, total, wait_for_run};
use crate::host_clock::HostClock;
use crate::process::Collector;
use crate::records::{batch_of, id};
use crate::store;
use headgate_record::INGEST_PATH;
use serde_json::json;
use std::path::Path;
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

/// Runs retention once, this many days from now.
fn run_in_days(root: &Path, days: i64) -> Collector {
    let collector = start_in_days(root, days);
    wait_for_run(&collector);
    collector
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn only_an_empty_day_is_dropped() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let collector = Collector::start(root);
    set(&mut collector.owner(), &rules(90, json!({"named": 3650}), 36_500));
    send(&collector, "first", &[of_class("first", 1, "default"), of_class("first", 2, "named")]);
    collector.kill();
    let collector = start_in_days(root, 5);
    send(&collector, "second", &[of_class("second", 1, "default")]);
    collector.kill();

    let url = store::database(root).unwrap();
    let days = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'request_entries_by_day'::regclass";
    assert_eq!(numbers(&url, days), [2]);
    let emptying = run_in_days(root, 100);
    assert_eq!(total(&mut emptying.owner(), ""), 1);
    assert_eq!(numbers(&url, days), [2], "who began to read before still looks there");
    emptying.kill();
    let dropping = run_in_days(root, 101);
    assert_eq!(numbers(&url, days), [1]);
    let mut owner = dropping.owner();
    assert_eq!((total(&mut owner, ""), told(&mut owner, "retention.deleted").len()), (1, 1));
    assert_eq!(send(&dropping, "second", &[of_class("second", 1, "default")]), (0, 1), "it is still accounted for");
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn a_leapt_clock_misleads_no_other_collector() {
    let root = tempfile::tempdir().unwrap();
    let right = super::another(root.path(), "right");
    send(&right, "b", &[of_class("b", 1, "default")]);
    let logs = root.path().join("wrong");
    std::fs::create_dir_all(&logs).unwrap();
    let wrong = Collector::start_with(root.path(), &logs, &HostClock::in_days(3_650).variables());
    wait_for_run(&wrong);
    assert_eq!(total(&mut right.owner(), ""), 1);
    assert_eq!(crate::host_clock::state(&mut wrong.owner(), 0).status, 409);
    assert_eq!(crate::host_clock::state(&mut right.owner(), 0).status, 200);
    for (collector, leapt) in [(&wrong, true), (&right, false)] {
        let shown = crate::any_store::retention::get(&mut collector.owner(), "/v1/retention");
        assert_eq!(shown["clock"]["leapt"], leapt, "{shown}");
    }
}

/// An open transaction of another client that has read the request log.
struct Reading {
    _runtime: Runtime,
    _client: tokio_postgres::Client,
}

impl Reading {
    fn begin(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute("BEGIN; SELECT count(*) FROM request_entries_by_day").await.unwrap();
            client
        });
        Self { _runtime: runtime, _client: client }
    }
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn a_day_that_is_read_is_dropped_later() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    for (day, boot) in [(0, "first"), (5, "second")] {
        let collector = start_in_days(root, day);
        set(&mut collector.owner(), &rules(90, json!({}), 36_500));
        send(&collector, boot, &[of_class(boot, 1, "default")]);
        collector.kill();
    }
    let url = store::database(root).unwrap();
    run_in_days(root, 200).kill();
    let days = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'request_entries_by_day'::regclass";
    assert_eq!(numbers(&url, days), [2]);

    let reading = Reading::begin(&url);
    let busy = run_in_days(root, 201);
    assert_eq!(numbers(&url, days), [2], "they are still read");
    assert_eq!(numbers(&url, "SELECT count(*) FROM pg_locks WHERE NOT granted"), [0], "nobody waits");
    assert_eq!(busy.ingest().post(INGEST_PATH, &batch_of("n", "third", 1..=1)).unwrap().json()["stored"], 1);
    assert_eq!(busy.owner().get(&format!("/v1/requests/{}", id("third", 1))).unwrap().status, 200);
    let logs = busy.logs();
    assert!(!logs.contains("cannot be written"), "{logs}");
    busy.kill();
    drop(reading);
    let later = run_in_days(root, 202);
    assert_eq!(numbers(&url, days), [1], "only the day of the third is left");
    assert_eq!(total(&mut later.owner(), ""), 1);
}
