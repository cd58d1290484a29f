//! Replays of records that the machines wrote: under the same policy nothing changes, and under another one the rule that is new is
//! named.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]

use headgate_policy::Timestamp;
use headgate_policy::document::Document;
use headgate_simulation::{Ask, Replay, World, load};
use serde_json::{Value, json};

const NOON_S: u64 = 1_790_000_040;
const POLICY: &str = r#"
environment: test
listen: 127.0.0.1:1
providers:
  alpha: {format: openai, url: "http://127.0.0.1:2/v1"}
  beta: {format: openai, url: "http://127.0.0.1:3/v1"}
models:
  chat:
    targets:
      - {provider: alpha, model: large, weight: 3}
      - {provider: beta, model: small, weight: 1}
    failover: {cooldown: 0s}
  only-alpha: {targets: [{provider: alpha, model: large}]}
teams: {search: {project: assistant}}
keys:
  - {id: alice, sha256: 31443d332abed1a229de06db8106ab64883c3b6f8270a5bc4b68831591b82034, team: search}
  - {id: bob, sha256: 5b9e1daea8522b2720d5d9dd26d06dd877124f749bb94b6d56062d991a371693, models: [only-alpha]}
prices:
  alpha/large: {input: 2, output: 4}
  beta/small: {input: 1, output: 2}
limits:
  - {id: per-key, per: key, requests: 40/min}
guardrails:
  - {id: no-mail, detect: {pii: [email]}}
"#;

fn document(yaml: &str) -> Document {
    headgate_config::compile(yaml, "gateway.yaml", NOON_S).unwrap_or_else(|problems| panic!("{problems:?}")).document
}

/// Returns the records of traffic under the policy, NDJSON, the newest first as the API writes them.
fn traffic() -> String {
    let policy = load(document(POLICY)).unwrap();
    let mut world = World::new(&policy, Timestamp(NOON_S * 1_000_000));
    let mut lines = Vec::new();
    for number in 0..300_u64 {
        world.set_now(Timestamp((NOON_S + number / 2) * 1_000_000 + number));
        let key = if number % 3 == 0 { "bob" } else { "alice" };
        let model = if number % 2 == 0 { "chat" } else { "only-alpha" };
        let text = if number % 50 == 7 { "mail ann@example.com" } else { "Say hello." };
        let body = json!({"model": model, "messages": [{"role": "user", "content": text}]}).to_string();
        let usage = json!({"choices": [{"index": 0, "message": {"content": "Hi there, friend."}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 9, "completion_tokens": 5}});
        let kind = json!({"content-type": "application/json"});
        let failing = if number % 20 == 4 {
            json!({"provider": "alpha", "status": 503})
        } else {
            json!({"provider": "alpha", "headers": kind, "body": usage.to_string()})
        };
        let ask: Ask = serde_json::from_value(json!({
            "request": {"key": key, "body": body},
            "providers": [failing, {"provider": "beta", "headers": kind, "body": usage.to_string()}],
        }))
        .unwrap();
        lines.push(String::from_utf8(ask.play(&mut world).unwrap().record).unwrap());
    }
    lines.reverse();
    lines.join("\n")
}

fn replay(after: &str) -> Value {
    let mut replay = Replay::new(document(POLICY), document(after)).unwrap();
    let records = traffic();
    // In pieces, as they come over the network.
    let mut rest = records.as_str();
    while !rest.is_empty() {
        let (part, more) = rest.split_at(rest.floor_char_boundary(1_000.min(rest.len())));
        assert!(replay.push(part));
        rest = more;
    }
    replay.finish()
}

#[test]
fn the_policy_that_was_in_force_changes_nothing() {
    let result = replay(POLICY);
    assert_eq!((&result["records"], &result["unreadable"]), (&json!(300), &json!(0)));
    assert_eq!(result["differences"], json!([]));
    assert_eq!(result["policies"][0], result["policies"][1]);
    let refused = &result["policies"][0]["refused"];
    assert!(refused["refused by limits `per-key` (requests)"].as_u64().unwrap() > 10, "{refused}");
    assert!(refused["refused by routing `chat` (model_not_allowed)"].as_u64().unwrap() > 10, "{refused}");
    assert!(refused["refused by guardrails `no-mail` (email)"].as_u64().unwrap() > 0, "{refused}");
    assert_eq!(result["other_than_recorded"], json!(0), "{result}");
    let said = result["not_judged"].to_string();
    assert!(said.contains("guardrail `no-mail`: records have no text"), "{said}");
}

#[test]
fn a_stricter_limit_refuses_more_and_names_itself() {
    let result = replay(&POLICY.replace("40/min", "10/min"));
    let name = "refused by limits `per-key` (requests)";
    let count = |side: usize| result["policies"][side]["refused"][name].as_u64().unwrap();
    assert!(count(1) > count(0) + 40, "{} and {}", count(0), count(1));
    let difference = result["differences"].as_array().unwrap().iter().find(|one| one["what"] == name).unwrap();
    assert!(difference["records"].as_u64().unwrap() > 40 && difference["ids"][0].is_string());
    assert!(difference["nano_usd"].as_i64().unwrap() < 0);
}

#[test]
fn a_limit_that_is_gone_admits_with_a_likely_usage() {
    let result = replay(&POLICY.replace("40/min", "1000/min"));
    let [before, after] = [&result["policies"][0], &result["policies"][1]];
    assert!(after["served"].as_u64().unwrap() > before["served"].as_u64().unwrap());
    assert!(after["assumed"].as_u64().unwrap() > 10 && before["assumed"] == 0);
}

#[test]
fn other_targets_prices_and_permissions_are_told() {
    let moved = replay(&POLICY.replace("model: large, weight: 3", "model: large, weight: 0"));
    let difference = moved["differences"][0]["what"].as_str().unwrap();
    assert_eq!(difference, "served by beta/small, was served by alpha/large");
    let cheaper = replay(&POLICY.replace("alpha/large: {input: 2, output: 4}", "alpha/large: {input: 1, output: 1}"));
    assert_eq!(cheaper["differences"][0]["what"], "another cost, served by alpha/large");
    let cost = |side: usize| cheaper["policies"][side]["nano_usd"].as_u64().unwrap();
    assert!(cost(1) < cost(0));
    let closed = replay(&POLICY.replace("id: alice, sha256", "id: alice, disabled: true, sha256"));
    assert!(
        closed["policies"][1]["refused"]["refused by keys `alice` (api_key_disabled)"].as_u64().unwrap() > 100,
        "{closed}"
    );
}

#[test]
fn lines_that_are_no_records_are_counted() {
    let mut replay = Replay::new(document(POLICY), document(POLICY)).unwrap();
    assert!(replay.push("{}\nno json\n\n{\"id\": 1}\n"));
    let result = replay.finish();
    assert_eq!((&result["records"], &result["unreadable"]), (&json!(0), &json!(3)));
}
