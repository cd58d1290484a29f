//! Tests that need a server, and tests of several collectors. A test that did not run must not look like one that passed:
//! those that need a server are left out of `cargo test`, and fail if they are run without one.

mod days;
mod derived;
mod door;
mod forwarders;
mod outage;
mod server;
mod sessions;
mod slow;
mod tables;
mod trees;

use crate::any_store::fleet::{Proxy, listed, row};
use crate::process::{BINARY, Collector};
use crate::records::batch_of;
use crate::store;
use headgate_limits::ReportRow;
use headgate_record::INGEST_PATH;
use std::path::Path;
use std::process::Command;
use std::thread;

/// Starts a further collector on the store of `root`.
fn another(root: &Path, name: &str) -> Collector {
    assert!(store::server().is_some(), "HEADGATE_TEST_POSTGRES names no server: run `just contract`");
    let logs = root.join(name);
    std::fs::create_dir_all(&logs).unwrap();
    Collector::start_beside(root, &logs)
}

fn numbers(url: &str, sql: &str) -> Vec<i64> {
    store::query(url, sql).iter().map(|row| row[0].parse().unwrap()).collect()
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn collectors_create_the_tables_once() {
    let root = tempfile::tempdir().unwrap();
    let url = store::database(root.path()).unwrap();
    let root = root.path();
    let started = thread::scope(|scope| {
        let starting: Vec<_> = (0..4).map(|name| scope.spawn(move || another(root, &name.to_string()))).collect();
        starting.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(started.iter().all(|one| one.owner().get("/readyz").unwrap().status == 200));
    assert_eq!(numbers(&url, "SELECT count(*) FROM schema_version"), [1]);
}

/// Sends a boot's records and records that others send too; returns how many were stored.
fn send_own_and_common(collector: &Collector, own: &str) -> i64 {
    let mut client = collector.ingest();
    let mut stored = 0;
    for (batch, boot) in (0..40).flat_map(|batch| [(batch, own), (batch, "both")]) {
        let reply = client.post(INGEST_PATH, &batch_of("n", boot, batch * 50 + 1..batch * 50 + 51)).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        stored += reply.json()["stored"].as_i64().unwrap();
    }
    stored
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn two_collectors_store_each_record_once() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (another(root.path(), "one"), another(root.path(), "two"));
    let acknowledged: i64 = thread::scope(|scope| {
        let sending = [(&one, "one"), (&two, "two")].map(|(to, own)| scope.spawn(move || send_own_and_common(to, own)));
        sending.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(acknowledged, 3 * 40 * 50, "what both sent is stored by one of them");
    let url = store::database(root.path()).unwrap();
    let places = "SELECT position FROM request_entries ORDER BY position";
    assert_eq!(numbers(&url, places), (1..=acknowledged).collect::<Vec<_>>());
    let total = two.owner().get("/v1/requests?total=true&limit=1").unwrap().json();
    assert_eq!(total["total"], acknowledged);
    let names = numbers(&url, "SELECT count(*) - count(DISTINCT text) FROM names");
    assert_eq!(names, [0], "each name has one number, whoever gave it");
}

/// A proxy that uses its whole share and reports it to one collector after the other.
struct Spender {
    proxy: Proxy,
    share: u64,
    spent: u64,
}

impl Spender {
    fn turn(&mut self, collector: &Collector) {
        let used = self.share.min(60);
        self.spent += used;
        let wants = ReportRow { wanted: 1, ..row("team", "search", used) };
        let answer = self.proxy.report(collector, vec![wants]);
        self.share = answer.rows[0].share.unwrap_or(0);
    }
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn two_collectors_admit_exactly_one_limit() {
    let root = tempfile::tempdir().unwrap();
    let collectors = [another(root.path(), "one"), another(root.path(), "two")];
    let mut spenders: Vec<_> =
        ["a", "b", "c"].map(|boot| Spender { proxy: Proxy::new(boot), share: 0, spent: 0 }).into_iter().collect();
    for round in 0..40 {
        for (number, spender) in spenders.iter_mut().enumerate() {
            spender.turn(&collectors[(round + number) % 2]);
        }
        let spent: u64 = spenders.iter().map(|one| one.spent).sum();
        assert!(spent <= 1_000, "{spent} of 1000 in round {round}");
    }
    let spent: u64 = spenders.iter().map(|one| one.spent).sum();
    assert!(spent > 900, "shares are given: {spent}");
    for collector in &collectors {
        assert_eq!(listed(collector, "/v1/budgets")[0]["used"], spent);
        assert_eq!(listed(collector, "/v1/budgets")[0]["proxies"], 3);
    }
}

fn output(arguments: &[&str], variables: &[(&str, &str)]) -> (bool, String) {
    let output = Command::new(BINARY).args(arguments).envs(variables.iter().copied()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn a_password_on_the_command_line_is_refused() {
    let url = "postgres://me:s3cr3t@127.0.0.1:1/none";
    for (arguments, variables) in [
        (&["init", "--store", url][..], &[][..]),
        (&["init"], &[("HEADGATE_COLLECTOR_STORE", url)]),
        (&["serve", "--help"], &[("HEADGATE_COLLECTOR_STORE", url)]),
        (&["init"], &[("HEADGATE_COLLECTOR_STORE", "postgres://me:s3cr3t@[::1/none")]),
        (&["init"], &[("HEADGATE_COLLECTOR_STORE", "postgres://me:s3cr3t@127.0.0.1/none?sslmode=s3cr3t")]),
    ] {
        let (_, text) = output(arguments, variables);
        assert!(!text.contains("s3cr3t"), "{arguments:?}: {text}");
    }
    for query in ["", "?sslmode=verify-full", "?sslmode=require&sslrootcert=/ca.pem"] {
        let (done, text) = output(&["init", "--store", &format!("{url}{query}")], &[]);
        assert!(!done && text.contains("HEADGATE_COLLECTOR_STORE"), "{query}: {text}");
        assert!(!text.contains("s3cr3t"), "{text}");
    }
    let (done, text) = output(&["init"], &[("HEADGATE_COLLECTOR_STORE", url)]);
    assert!(!done && text.contains("cannot be reached"), "{text}");
}
