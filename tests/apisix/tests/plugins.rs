//! Answers of other plugins of APISIX: they pass as they are, and are on record as theirs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]

mod common;

use common::{loaded, rendered_from};
use headgate_test_apisix::{Answer, ClientRequest, Network, Nginx, Outgoing, Received};
use serde_json::{Value, json};

const POLICY: &str = r#"
environment: test
listen: 127.0.0.1:1
providers: {alpha: {format: openai, url: "http://127.0.0.1:2/v1"}}
models: {chat: {targets: [{provider: alpha, model: gpt-4o-mini}]}}
keys: [{id: alice, sha256: 31443d332abed1a229de06db8106ab64883c3b6f8270a5bc4b68831591b82034}]
prices: {alpha/gpt-4o-mini: {input: 0, output: 0}}
"#;

struct Nobody;

impl Network for Nobody {
    fn answer(&mut self, request: &Outgoing) -> Received {
        panic!("a request was sent to {}", request.to)
    }
}

/// Streams are left to APISIX, so that a plugin behind the filter sees them.
fn ask(nginx: &mut Nginx) -> Answer {
    let headers = [("host", "gateway.example"), ("authorization", "Bearer hg-test-alice")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let body = br#"{"model":"chat","messages":[],"stream":true}"#.to_vec();
    let request = ClientRequest { method: "POST".to_owned(), path: "/v1/chat/completions".to_owned(), headers, body };
    nginx.serve(&request, &mut Nobody)
}

#[test]
fn answers_of_other_plugins_are_theirs() {
    let mut rendered = rendered_from(POLICY, Vec::new());
    rendered.log_records();
    let mut nginx = rendered.start(&loaded());
    for (before, status) in [(true, 401), (false, 429), (false, 502), (true, 503)] {
        nginx.set_plugin(before, Some(status));
        let answer = ask(&mut nginx);
        assert_eq!((answer.status, answer.body.as_slice()), (status, &b"{\"message\":\"of another plugin\"}"[..]));
        assert!(answer.headers.contains(&("content-length".to_owned(), "31".to_owned())), "{:?}", answer.headers);
        let record: Value = serde_json::from_slice(&answer.record).unwrap();
        let told = [&record["status"], &record["rejected_by"], &record["ended_by"], &record["caller"]["key_id"]];
        assert_eq!(told, [&json!(status), &json!("host"), &json!("complete"), &json!("alice")], "{record}");
        assert!(record.get("attempts").is_none() && record.get("error_code").is_none(), "{record}");
    }
    assert!(nginx.vm.traps.is_empty());
}
