//! Workers of APISIX and a real collector: limits that all workers share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]
#![allow(clippy::print_stdout, reason = "it says what it measured")]
#![allow(clippy::disallowed_methods, reason = "the collector is a process with a clock of its own")]

mod collector;
mod common;

use collector::{ALICE, Collector, Outside, ask, environment, worker};
use common::{loaded, rendered_from};
use headgate_test_apisix::{ClientRequest, Network, Nginx, Outgoing, Received};
use std::time::Duration;

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

/// Sends requests in turn to workers that have just started. Returns the number of those that were let in.
fn admitted(workers: &mut [Nginx], outside: &mut Outside<'_>, model: &str, all: usize, pause: Duration) -> usize {
    let count = workers.len();
    let statuses = (0..all).map(|number| {
        std::thread::sleep(pause);
        ask(&mut workers[number % count], outside, model)
    });
    let statuses: Vec<u16> = statuses.collect();
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    statuses.iter().filter(|status| **status == 200).count()
}

#[test]
fn workers_admit_exactly_the_limit() {
    for count in [2, 5] {
        let collector = Collector::start();
        let rendered = rendered_from(&policy(&collector.address), environment());
        let mut outside = Outside::of(&collector);
        let mut workers: Vec<Nginx> = (1..=count).map(|pid| worker(&rendered, pid)).collect();
        let paced = admitted(&mut workers, &mut outside, "paced", 60, Duration::from_millis(100));
        // Of a burst some shares lie with workers that do not use them; who comes again gets them.
        let burst: Vec<usize> = (0..3)
            .map(|_| {
                std::thread::sleep(Duration::from_secs(1));
                admitted(&mut workers, &mut outside, "burst", 70, Duration::ZERO)
            })
            .collect();
        println!("{count} workers: {paced} of 60 paced, {burst:?} of 70 each in bursts");
        assert_eq!((paced, burst.iter().sum::<usize>()), (20, 20), "{count} workers");
    }
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
