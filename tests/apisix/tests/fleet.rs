//! Workers of APISIX and a real collector: limits that all workers share, and records that arrive with later requests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]
#![allow(clippy::disallowed_methods, reason = "the collector is a process with a clock of its own")]

mod collector;
mod common;

use collector::{Collector, TOKEN};
use common::{Rendered, loaded, rendered_from};
use headgate_test_apisix::{ClientRequest, Network, Nginx, Outgoing, Received};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The collector, and a provider that answers everything.
struct Outside<'a> {
    collector: &'a Collector,
    /// Deliveries that arrived.
    delivered: usize,
}

impl Network for Outside<'_> {
    fn answer(&mut self, request: &Outgoing) -> Received {
        if request.to == self.collector.address {
            self.delivered += 1;
            return self.collector.forward(request);
        }
        let body = br#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#.to_vec();
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Received::Answer { status: 200, headers, chunks: vec![body], breaks_off: false }
    }
}

fn policy(collector: &str) -> String {
    format!(
        r#"environment: test
listen: 127.0.0.1:1
collector: {{url: "http://{collector}", token: "${{HEADGATE_INGEST_TOKEN}}"}}
providers: {{alpha: {{format: openai, url: "http://127.0.0.1:2/v1"}}}}
models:
  burst: {{targets: [{{provider: alpha, model: gpt-4o-mini}}]}}
  paced: {{targets: [{{provider: alpha, model: gpt-4o-mini}}]}}
  free: {{targets: [{{provider: alpha, model: gpt-4o-mini}}]}}
keys: [{{id: alice, sha256: {ALICE}}}]
limits:
  - {{id: burst, match: {{model: burst}}, requests: 20/day}}
  - {{id: paced, match: {{model: paced}}, requests: 20/day}}
prices: {{alpha/gpt-4o-mini: {{input: 0, output: 0}}}}
"#
    )
}

/// SHA-256 of `hg-test-alice`.
const ALICE: &str = "31443d332abed1a229de06db8106ab64883c3b6f8270a5bc4b68831591b82034";

fn worker(rendered: &Rendered, pid: u32) -> Nginx {
    let mut nginx = rendered.start(&loaded());
    nginx.set_pid(pid);
    nginx
}

/// Sends a request at this moment, and returns its status.
fn ask(nginx: &mut Nginx, outside: &mut Outside<'_>, model: &str) -> u16 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    nginx.set_clock(u64::try_from(now.as_micros()).unwrap());
    let body = format!(r#"{{"model":"{model}","messages":[]}}"#).into_bytes();
    let headers = [("host", "gateway.example"), ("authorization", "Bearer hg-test-alice")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let request = ClientRequest { method: "POST".to_owned(), path: "/v1/chat/completions".to_owned(), headers, body };
    nginx.serve(&request, outside).status
}

fn environment() -> Vec<(String, String)> {
    vec![("HEADGATE_INGEST_TOKEN".to_owned(), TOKEN.to_owned())]
}

/// Sends requests in turn to two workers. Returns the number of those that were let in.
fn admitted(workers: &mut [Nginx; 2], outside: &mut Outside<'_>, model: &str, all: usize, pause: Duration) -> usize {
    let statuses = (0..all).map(|number| {
        std::thread::sleep(pause);
        ask(&mut workers[number % 2], outside, model)
    });
    let statuses: Vec<u16> = statuses.collect();
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    statuses.iter().filter(|status| **status == 200).count()
}

#[test]
fn two_workers_admit_exactly_the_limit() {
    let collector = Collector::start();
    let rendered = rendered_from(&policy(&collector.address), environment());
    let mut outside = Outside { collector: &collector, delivered: 0 };
    let mut workers = [worker(&rendered, 1), worker(&rendered, 2)];
    // A worker that has just started does not know the counts of the others.
    workers.iter_mut().for_each(|worker| assert_eq!(ask(worker, &mut outside, "free"), 200));
    let paced = admitted(&mut workers, &mut outside, "paced", 45, Duration::from_millis(100));
    // A count that no worker has told of yet has no shares.
    let first = admitted(&mut workers, &mut outside, "burst", 2, Duration::from_millis(300));
    std::thread::sleep(Duration::from_millis(300));
    let burst = admitted(&mut workers, &mut outside, "burst", 68, Duration::ZERO);
    assert_eq!((paced, first + burst), (20, 20));
}

#[test]
fn records_arrive_with_later_requests() {
    let collector = Collector::start();
    let rendered = rendered_from(&policy(&collector.address), environment());
    let mut outside = Outside { collector: &collector, delivered: 0 };
    let mut nginx = worker(&rendered, 1);
    for _ in 0..40 {
        assert_eq!(ask(&mut nginx, &mut outside, "free"), 200);
        std::thread::sleep(Duration::from_millis(60));
    }
    assert!(outside.delivered > 2);
    // The last record waits for the next request, and those of a batch with it.
    let stored = collector.records();
    assert!((30..40).contains(&stored), "{stored} of 40 records arrived");
}

/// A collector that accepts connections and says nothing.
struct Silent;

impl Network for Silent {
    fn answer(&mut self, request: &Outgoing) -> Received {
        if request.to == "127.0.0.1:5" {
            return Received::Nothing(request.timeout_ms * 1_000);
        }
        Received::Nothing(300)
    }
}

#[test]
fn a_silent_collector_costs_little() {
    let rendered = rendered_from(&policy("127.0.0.1:5"), environment());
    let mut nginx = rendered.start(&loaded());
    let before = nginx.clock();
    let headers = vec![("host".to_owned(), "gateway.example".to_owned())];
    let request = ClientRequest { method: "GET".to_owned(), path: "/v1/models".to_owned(), headers, body: Vec::new() };
    for _ in 0..60 {
        nginx.serve(&request, &mut Silent);
        nginx.wait(1);
    }
    let waited_ms = (nginx.clock() - before) / 1_000 - 60_000;
    assert!((250..2_500).contains(&waited_ms), "60 requests in a minute waited {waited_ms} ms");
}
