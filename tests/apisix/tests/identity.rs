//! Callers that a plugin of APISIX has authenticated.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]

mod common;

use common::{loaded, rendered_from};
use headgate_test_apisix::{Answer, ClientRequest, Network, Nginx, Outgoing, Received};

const POLICY: &str = r#"
environment: test
listen: 127.0.0.1:1
providers: {alpha: {format: openai, url: "http://127.0.0.1:2/v1"}}
models: {chat: {targets: [{provider: alpha, model: gpt-4o-mini}]}}
identity:
  header: x-consumer-username
  stripped_by: early_header_mutation
  rules: [{id: staff, name: "carol*"}]
prices: {alpha/gpt-4o-mini: {input: 0, output: 0}}
"#;

/// A provider that answers, and keeps the names of the headers that it got.
#[derive(Default)]
struct Provider {
    seen: Vec<String>,
}

impl Network for Provider {
    fn answer(&mut self, request: &Outgoing) -> Received {
        self.seen = request.headers.iter().map(|(name, _)| name.clone()).collect();
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Received::Answer { status: 200, headers, chunks: vec![br#"{"choices":[]}"#.to_vec()], breaks_off: false }
    }
}

/// Sends a request of a client that calls itself by this name.
fn ask(nginx: &mut Nginx, provider: &mut Provider, name: &str) -> Answer {
    let headers = [("host", "gateway.example"), ("x-consumer-username", name)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let body = br#"{"model":"chat","messages":[]}"#.to_vec();
    let request = ClientRequest { method: "POST".to_owned(), path: "/v1/chat/completions".to_owned(), headers, body };
    nginx.serve(&request, provider)
}

#[test]
fn consumer_is_known_and_cannot_be_claimed() {
    let mut rendered = rendered_from(POLICY, Vec::new());
    rendered.log_records();
    let mut nginx = rendered.start(&loaded());
    let mut provider = Provider::default();
    assert_eq!(ask(&mut nginx, &mut provider, "carol-of-the-client").status, 401);
    assert!(provider.seen.is_empty());
    nginx.set_consumer(Some("carol-of-apisix"));
    let answer = ask(&mut nginx, &mut provider, "mallory");
    assert_eq!(answer.status, 200);
    let record: serde_json::Value = serde_json::from_slice(&answer.record).unwrap();
    assert_eq!(record["caller"]["owner"], "carol-of-apisix");
    assert!(!provider.seen.iter().any(|name| name == "x-consumer-username"));
}
