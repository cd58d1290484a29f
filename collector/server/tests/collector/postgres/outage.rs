//! A server that is down or hangs: writers learn of it in time, and the collector recovers by itself.

use super::server::Server;
use crate::process::Collector;
use crate::records::batch_of;
use crate::sqlite::faults::everything::{everything_is_read, everything_is_written, nothing_is_written};
use headgate_record::INGEST_PATH;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

/// Waits until it works again; the duration does not matter.
pub(super) fn eventually(what: &str, mut works: impl FnMut() -> bool) {
    for _ in 0..300 {
        if works() {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("{what} does not come back");
}

pub(super) fn is_ready(collector: &Collector) -> bool {
    collector.owner().get("/readyz").unwrap().status == 200
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn writing_resumes_after_an_outage() {
    let root = tempfile::tempdir().unwrap();
    let mut server = Server::start(root.path());
    let collector = Collector::start_on(root.path(), &server.url());
    everything_is_written(&collector, "before");
    server.kill();
    nothing_is_written(&collector, "gone");
    server.resume();
    eventually("the server", || is_ready(&collector));
    everything_is_written(&collector, "gone");
    server.freeze();
    nothing_is_written(&collector, "silent");
    server.thaw();
    eventually("the server", || is_ready(&collector));
    everything_is_written(&collector, "silent");
    everything_is_read(&collector);
    let logs = collector.logs();
    assert!(
        logs.contains("the database's server cannot be reached") && logs.contains("can be written again"),
        "{logs}"
    );
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn a_start_waits_for_the_server() {
    let root = tempfile::tempdir().unwrap();
    let mut server = Server::start(root.path());
    let url = server.url();
    server.kill();
    let collector = thread::scope(|scope| {
        let starting = scope.spawn(|| Collector::start_on(root.path(), &url));
        let log = root.path().join("stderr");
        eventually("the warning", || std::fs::read_to_string(&log).is_ok_and(|log| log.contains("waiting up to 60 s")));
        server.resume();
        starting.join().unwrap()
    });
    everything_is_written(&collector, "after");
    assert_eq!(collector.logs().matches("waiting up to").count(), 1);
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn acknowledged_data_outlives_server_crashes() {
    let root = tempfile::tempdir().unwrap();
    let mut server = Server::start(root.path());
    let collector = Collector::start_on(root.path(), &server.url());
    let over = AtomicBool::new(false);
    let acknowledged: Vec<u64> = thread::scope(|scope| {
        let send = |boot: String| {
            let (mut client, mut acknowledged) = (collector.ingest(), 0);
            while !over.load(Ordering::Relaxed) {
                let body = batch_of("n", &boot, acknowledged + 1..acknowledged + 51);
                match client.post(INGEST_PATH, &body) {
                    Ok(reply) if reply.status == 200 => acknowledged += 50,
                    Ok(reply) => assert_eq!(reply.status, 503, "{}", reply.text()),
                    Err(_) => client = collector.ingest(),
                }
            }
            acknowledged
        };
        let senders: Vec<_> = ["a", "b"].map(|boot| scope.spawn(move || send(boot.to_owned()))).into_iter().collect();
        for pause in [150, 420, 260] {
            sleep(Duration::from_millis(pause));
            server.kill();
            server.resume();
        }
        eventually("the server", || is_ready(&collector));
        sleep(Duration::from_millis(300));
        over.store(true, Ordering::Relaxed);
        senders.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let all = collector.owner().get("/v1/requests.ndjson?order=asc").unwrap();
    let found: Vec<(String, u64)> = all
        .text()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|record| (record["boot"].as_str().unwrap().to_owned(), record["seq"].as_u64().unwrap()))
        .collect();
    let each: BTreeSet<_> = found.iter().cloned().collect();
    assert_eq!(each.len(), found.len(), "each once");
    for (boot, acknowledged) in ["a", "b"].into_iter().zip(acknowledged) {
        assert!(acknowledged > 100, "too little was sent: {acknowledged}");
        let missing = (1..=acknowledged).find(|seq| !each.contains(&(boot.to_owned(), *seq)));
        assert_eq!(missing, None, "acknowledged, but not there");
    }
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn the_writable_one_of_several_hosts_is_found() {
    let root = tempfile::tempdir().unwrap();
    let folders = ["silent", "one", "two"].map(|name| root.path().join(name));
    folders.iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
    let [silent, mut one, mut two] = folders.each_ref().map(|folder| Server::start(folder));
    silent.freeze();
    one.set("default_transaction_read_only", "on");
    let ports = [&silent, &one, &two].map(|server| format!("127.0.0.1:{}", server.port())).join(",");
    let collector = Collector::start_on(root.path(), &format!("postgres://headgate@{ports}/postgres"));
    everything_is_written(&collector, "before");
    one.set("default_transaction_read_only", "off");
    two.set("default_transaction_read_only", "on");
    eventually("the one that writes now", || is_ready(&collector));
    everything_is_written(&collector, "after");
    silent.thaw();
}
