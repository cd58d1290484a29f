//! The life of a worker: requests without a host, clients that leave, policies that replace one another.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]

mod common;

use common::{loaded, rendered_from};
use headgate_record::LINES_PATH;
use headgate_test_apisix::{ClientRequest, Network, Outgoing, Received};

/// SHA-256 of `hg-test-alice`.
const ALICE: &str = "31443d332abed1a229de06db8106ab64883c3b6f8270a5bc4b68831591b82034";

fn policy(models: &str) -> String {
    format!(
        r#"environment: test
listen: 127.0.0.1:1
collector: {{url: "http://127.0.0.1:5"}}
providers: {{alpha: {{format: openai, url: "http://127.0.0.1:2/v1"}}}}
models: {{chat: {{targets: [{{provider: alpha, model: gpt-4o-mini}}]}}, other: {{targets: [{{provider: alpha, model: gpt-4o}}]}}}}
keys: [{{id: alice, sha256: {ALICE}, models: [{models}]}}]
prices: {{"alpha/*": {{input: 0, output: 0}}}}
"#
    )
}

/// A provider with a stream, and a collector that keeps what it gets.
#[derive(Default)]
struct Outside {
    batches: Vec<serde_json::Value>,
}

impl Network for Outside {
    fn answer(&mut self, request: &Outgoing) -> Received {
        if request.to == "127.0.0.1:5" {
            if request.headers.iter().any(|(name, value)| name == ":path" && value == LINES_PATH) {
                self.batches.extend(std::str::from_utf8(&request.body).unwrap().lines().filter_map(batch_of_line));
            } else {
                self.batches.push(serde_json::from_slice(&request.body).unwrap());
            }
            let body = br#"{"stored":1,"duplicates":0,"refused":[]}"#.to_vec();
            return Received::Answer { status: 200, headers: Vec::new(), chunks: vec![body], breaks_off: false };
        }
        let headers = vec![("content-type".to_owned(), "text/event-stream".to_owned())];
        let event =
            |text: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
        let chunks = ["a", "b", "c"].map(|text| event(text).into_bytes()).to_vec();
        Received::Answer { status: 200, headers, chunks, breaks_off: false }
    }
}

/// Returns the record of a line of the logger, as a batch. One that went another way is not in it.
fn batch_of_line(line: &str) -> Option<serde_json::Value> {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let record: serde_json::Value = serde_json::from_str(line["record"].as_str().unwrap()).ok()?;
    Some(serde_json::json!({"node": record["node"], "records": [record]}))
}

fn request(model: &str, host: bool) -> ClientRequest {
    let mut headers = vec![("authorization".to_owned(), "Bearer hg-test-alice".to_owned())];
    if host {
        headers.push(("host".to_owned(), "gateway.example".to_owned()));
    }
    let body = format!(r#"{{"model":"{model}","stream":true,"messages":[]}}"#).into_bytes();
    ClientRequest { method: "POST".to_owned(), path: "/v1/chat/completions".to_owned(), headers, body }
}

#[test]
fn http_1_0_without_host_is_refused() {
    let mut nginx = rendered_from(&policy("chat"), Vec::new()).start(&loaded());
    let answer = nginx.serve(&request("chat", false), &mut Outside::default());
    assert_eq!(answer.status, 426);
    assert!(String::from_utf8(answer.body).unwrap().contains("Rejected by the gateway"));
}

#[test]
fn nothing_is_served_without_the_filter() {
    let mut nginx = rendered_from(&policy("chat"), Vec::new()).start(&loaded());
    let mut outside = Outside::default();
    assert_eq!(nginx.serve(&request("chat", true), &mut outside).status, 200);
    nginx.lose_filter();
    assert_eq!(nginx.serve(&request("chat", true), &mut outside).status, 503);
}

#[test]
fn client_that_leaves_is_on_record() {
    let mut nginx = rendered_from(&policy("chat"), Vec::new()).start(&loaded());
    let mut outside = Outside::default();
    nginx.set_stay(1);
    nginx.serve(&request("chat", true), &mut outside);
    nginx.set_stay(usize::MAX);
    for _ in 0..3 {
        nginx.wait(1);
        nginx.serve(&request("chat", true), &mut outside);
    }
    let nodes = outside.batches.iter().map(|batch| batch["node"].as_str().unwrap());
    assert!(nodes.clone().count() > 0 && nodes.into_iter().all(|node| node == "stand-in-4711"));
    let records = outside.batches.iter().filter_map(|batch| batch["records"].as_array()).flatten();
    let ends: Vec<_> = records.map(|record| record["ended_by"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ends.first().map(String::as_str), Some("client"), "{ends:?}");
    assert!(ends[1..].iter().all(|end| end == "complete"), "{ends:?}");
}

#[test]
fn new_policy_is_in_force_and_nothing_is_lost() {
    let before = rendered_from(&policy("chat"), Vec::new());
    let after = rendered_from(&policy("other"), Vec::new());
    let mut nginx = before.start(&loaded());
    let mut outside = Outside::default();
    let mut ask = |nginx: &mut headgate_test_apisix::Nginx, model: &str| {
        nginx.wait(1);
        nginx.serve(&request(model, true), &mut outside).status
    };
    assert_eq!((ask(&mut nginx, "chat"), ask(&mut nginx, "other")), (200, 403));
    nginx.take_rules(&after.rules);
    assert_eq!((ask(&mut nginx, "chat"), ask(&mut nginx, "other")), (403, 200));
    assert_eq!((ask(&mut nginx, "chat"), ask(&mut nginx, "other")), (403, 200));
    assert!(nginx.vm.traps.is_empty());
    let numbers = outside.batches.iter().filter_map(|batch| batch["records"].as_array()).flatten();
    let numbers: Vec<_> = numbers.map(|record| record["seq"].as_u64().unwrap()).collect();
    let expected: Vec<u64> = (1..).take(numbers.len()).collect();
    assert!(numbers.len() >= 4 && numbers == expected, "{numbers:?}");
}
