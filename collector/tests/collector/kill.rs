//! What was acknowledged is there once, whenever the process died.

use crate::fleet::{Proxy, listed, row};
use crate::process::Collector;
use crate::records::{batch_of, id};
use headgate_record::INGEST_PATH;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

const ROUNDS: u64 = 24;
const SENDERS: u64 = 3;
const BATCH: u64 = 50;

/// Sends batches until the connection breaks; returns the highest acknowledged number. Like a data plane, it begins
/// again with what was not acknowledged.
fn send_until_killed(address: SocketAddr, sender: u64, mut acknowledged: u64) -> u64 {
    let (node, boot) = (format!("n{sender}"), format!("b{sender}"));
    let Ok(mut client) = crate::client::Client::connect(address, crate::process::INGEST) else {
        return acknowledged;
    };
    loop {
        let first = acknowledged + 1;
        let body = batch_of(&node, &boot, first..first + BATCH);
        match client.post(INGEST_PATH, &body) {
            Ok(reply) if reply.status == 200 => acknowledged += BATCH,
            _ => return acknowledged,
        }
    }
}

/// The same for the audit log: entries one by one, as another system sends them.
fn audit_until_killed(address: SocketAddr, mut acknowledged: u64) -> u64 {
    let Ok(mut client) = crate::client::Client::connect(address, crate::process::INGEST) else {
        return acknowledged;
    };
    loop {
        let body = serde_json::json!({"entries": [crate::audit::entry(acknowledged + 1)]}).to_string();
        match client.post("/v1/audit", body.as_bytes()) {
            Ok(reply) if reply.status == 200 => acknowledged += 1,
            _ => return acknowledged,
        }
    }
}

fn round(root: &Path, acknowledged: &mut [u64], audited: &mut u64, pause: Duration) {
    let collector = Collector::start(root);
    let address = collector.address;
    let so_far = *audited;
    let auditor = thread::spawn(move || audit_until_killed(address, so_far));
    let senders: Vec<_> = (0..)
        .zip(acknowledged.iter())
        .map(|(sender, &so_far)| thread::spawn(move || send_until_killed(address, sender, so_far)))
        .collect();
    sleep(pause);
    collector.kill();
    for (slot, sender) in acknowledged.iter_mut().zip(senders) {
        *slot = sender.join().unwrap();
    }
    *audited = auditor.join().unwrap();
}

#[test]
fn every_acknowledged_record_is_there_exactly_once_after_each_kill() {
    let root = tempfile::tempdir().unwrap();
    let mut acknowledged = [0_u64; SENDERS as usize];
    let mut audited = 0;
    let mut random = Instant::now().elapsed().subsec_nanos() | 1;
    for _ in 0..ROUNDS {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        let pause = Duration::from_micros(u64::from(random % 120_000));
        round(root.path(), &mut acknowledged, &mut audited, pause);
    }
    assert!(acknowledged.iter().sum::<u64>() > ROUNDS * BATCH, "too little was sent: {acknowledged:?}");
    let collector = Collector::start(root.path());
    let entries = crate::audit::everything(&collector);
    // The last one may be on disk without its acknowledgement having got through.
    assert!(entries.len() as u64 == audited || entries.len() as u64 == audited + 1, "{} {audited}", entries.len());
    assert_eq!(entries, (1..=entries.len() as u64).collect::<Vec<_>>(), "each once, in order");
    assert!(audited > ROUNDS, "too few entries were sent: {audited}");
    let found = everything(&collector);
    let stored: usize = found.values().map(BTreeSet::len).sum();
    assert_eq!(crate::usage::requests(&collector), stored as u64, "usage counts each record once");
    for (sender, &highest) in (0_u64..).zip(&acknowledged) {
        let (node, boot) = (format!("n{sender}"), format!("b{sender}"));
        let seqs = &found[&node];
        let missing = (1..=highest).find(|seq| !seqs.contains(seq));
        assert_eq!(missing, None, "acknowledged, but not there");
        let one = collector.owner().get(&format!("/v1/requests/{}", id(&boot, highest)));
        assert_eq!(one.unwrap().status, 200);
    }
    assert!(collector.terminate().success());
}

/// Numbers by node; fails if one is there twice.
fn everything(collector: &Collector) -> BTreeMap<String, BTreeSet<u64>> {
    let mut owner = collector.owner();
    let mut found = BTreeMap::<String, BTreeSet<u64>>::new();
    let mut after = String::new();
    loop {
        let page = owner.get(&format!("/v1/requests?order=asc&limit=500{after}")).unwrap().json();
        for record in page["data"].as_array().unwrap() {
            let node = record["node"].as_str().unwrap().to_owned();
            let new = found.entry(node).or_default().insert(record["seq"].as_u64().unwrap());
            assert!(new, "a record is there twice");
        }
        if page["has_more"] != true {
            return found;
        }
        after = format!("&after={}", page["next"].as_str().unwrap());
    }
}

/// Reports by two names: what all used, and what this proxy used.
struct Reporter {
    boot: String,
    /// The last report that was answered, and the sum of all that were.
    answered: u64,
    sum: u64,
}

impl Reporter {
    /// Reports until the connection breaks. Like a data plane, it sends a report again until it is answered.
    fn report_until_killed(mut self, address: SocketAddr) -> Self {
        let Ok(mut client) = crate::client::Client::connect(address, crate::process::INGEST) else { return self };
        loop {
            let seq = self.answered + 1;
            let used = 1 + seq % 7;
            let rows = vec![row("all", "", used), row("each", &self.boot, used)];
            let body = Proxy { seq, ..Proxy::new(&self.boot) }.body(rows);
            match client.post(headgate_limits::SYNC_PATH, &body) {
                Ok(reply) if reply.status == 200 => (self.answered, self.sum) = (seq, self.sum + used),
                _ => return self,
            }
        }
    }

    /// Sends what was not answered, if it was; then reports nothing more.
    fn finish(&mut self, collector: &Collector) -> u64 {
        let used = 1 + (self.answered + 1) % 7;
        let rows = vec![row("all", "", used), row("each", &self.boot, used)];
        let mut proxy = Proxy { seq: self.answered, ..Proxy::new(&self.boot) };
        proxy.report(collector, rows);
        self.sum += used;
        proxy.report(collector, vec![row("each", &self.boot, 0)]).rows[0].total
    }
}

#[test]
fn every_acknowledged_report_counts_exactly_once_after_each_kill() {
    let root = tempfile::tempdir().unwrap();
    let boot = |sender| Reporter { boot: format!("b{sender}"), answered: 0, sum: 0 };
    let mut reporters: Vec<_> = (0..SENDERS).map(boot).collect();
    let mut random = Instant::now().elapsed().subsec_nanos() | 1;
    for _ in 0..ROUNDS {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        let collector = Collector::start(root.path());
        let address = collector.address;
        let running: Vec<_> =
            reporters.drain(..).map(|one| thread::spawn(move || one.report_until_killed(address))).collect();
        sleep(Duration::from_micros(u64::from(random % 120_000)));
        collector.kill();
        reporters.extend(running.into_iter().map(|one| one.join().unwrap()));
    }
    assert!(reporters.iter().map(|one| one.answered).sum::<u64>() > ROUNDS, "too little was reported");
    let collector = Collector::start(root.path());
    for one in &mut reporters {
        assert_eq!(one.finish(&collector), one.sum, "of {} reports of {}", one.answered + 1, one.boot);
    }
    let all: u64 = reporters.iter().map(|one| one.sum).sum();
    assert_eq!(listed(&collector, "/v1/budgets?id=all")[0]["used"], all);
}

#[test]
fn a_graceful_end_finishes_what_was_begun() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let address = collector.address;
    let sender = thread::spawn(move || send_until_killed(address, 0, 0));
    sleep(Duration::from_millis(200));
    assert!(collector.terminate().success());
    let acknowledged = sender.join().unwrap();
    let collector = Collector::start(root.path());
    let found = everything(&collector);
    assert_eq!(found["n0"].len() as u64, acknowledged, "nothing more and nothing less");
}
