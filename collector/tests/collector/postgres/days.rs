//! Days of a log: what retention has emptied goes, and what a hold or a class keeps stays with its day.

use super::{is_missing, numbers};
use crate::host_clock::HostClock;
use crate::process::Collector;
use crate::retention::{of_class, rules, send, set, start_in_days, told, total, wait_for_run};
use crate::store;
use serde_json::json;
use std::path::Path;

/// Runs retention once, so many days from now.
fn run_in_days(root: &Path, days: i64) -> Collector {
    let collector = start_in_days(root, days);
    wait_for_run(&collector);
    collector
}

#[test]
fn a_day_that_retention_has_emptied_is_dropped_and_one_that_holds_an_entry_is_not() {
    if is_missing() {
        return;
    }
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
fn a_collector_whose_clock_has_leapt_deletes_nothing_and_misleads_no_other() {
    if is_missing() {
        return;
    }
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
        let shown = crate::retention::get(&mut collector.owner(), "/v1/retention");
        assert_eq!(shown["clock"]["leapt"], leapt, "{shown}");
    }
}
