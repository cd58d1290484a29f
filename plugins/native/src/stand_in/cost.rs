//! The module's own work for a small request, which a profiler counts. The page of the benchmarks says how to run it.

use super::filter::{Configuration, Log};
use super::host::{Entry, Fields};
use super::stream::{Shared, Stream};
use super::{DEFAULT_AT, begin_at, pass_us};
use std::rc::Rc;

/// A key that the policy of the benchmarks knows.
const KEY: &str = "Bearer hg-bench-9d1f0c6e5b7a48d2";
const REQUESTS: u64 = 1_000;
/// Requests between two deliveries of records.
const DELIVERED: u64 = 30;

fn policy() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/bench/gateway.yaml");
    let places = [("@LISTEN@", "1"), ("@ADMIN@", "2"), ("@COLLECTOR@", "127.0.0.1:3"), ("@PROVIDER@", "127.0.0.1:4")];
    let template = std::fs::read_to_string(path).unwrap();
    let yaml = places.iter().fold(template, |text, (place, value)| text.replace(place, value));
    let compiled = headgate_config::compile(&yaml, "gateway.yaml", DEFAULT_AT / 1_000_000).unwrap();
    serde_json::to_string(&compiled.document).unwrap()
}

fn fields(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

fn request_head(length: &str) -> Fields {
    fields(&[
        (":authority", "gateway.test"),
        (":path", "/v1/chat/completions"),
        (":method", "POST"),
        (":scheme", "http"),
        ("accept-encoding", "gzip, deflate"),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("user-agent", "OpenAI/Python 2.8.0"),
        ("x-stainless-lang", "python"),
        ("x-stainless-package-version", "2.8.0"),
        ("x-stainless-os", "Linux"),
        ("x-stainless-arch", "x64"),
        ("x-stainless-runtime", "CPython"),
        ("x-stainless-runtime-version", "3.13.0"),
        ("x-stainless-retry-count", "0"),
        ("x-stainless-read-timeout", "600"),
        ("authorization", KEY),
        ("content-length", length),
        ("x-forwarded-proto", "http"),
        ("x-request-id", "6b3e1ef8-7c5b-4b0e-9bd7-2f2a45a3f1c1"),
    ])
}

fn answer_head(length: &str) -> Fields {
    fields(&[
        (":status", "200"),
        ("content-type", "application/json"),
        ("x-request-id", "req_fast"),
        ("content-length", length),
        ("x-envoy-upstream-service-time", "1"),
    ])
}

fn request_body() -> String {
    let text = "How long is the way from here to there, and what does a letter cost? ".repeat(6);
    format!(r#"{{"model":"chat","messages":[{{"role":"user","content":"{text}"}}],"temperature":0.2}}"#)
}

fn answer_body() -> String {
    let text = "A fast answer from first, of a length that people get every day. ".repeat(6);
    format!(
        r#"{{
  "id": "chatcmpl-000001",
  "object": "chat.completion",
  "created": 1790000000,
  "model": "gpt-5.2-2026-01-01",
  "choices": [
    {{
      "index": 0,
      "message": {{
        "role": "assistant",
        "content": "{text}",
        "refusal": null,
        "annotations": []
      }},
      "logprobs": null,
      "finish_reason": "stop"
    }}
  ],
  "usage": {{
    "prompt_tokens": 19,
    "completion_tokens": 10,
    "total_tokens": 29,
    "prompt_tokens_details": {{
      "cached_tokens": 8,
      "audio_tokens": 0
    }},
    "completion_tokens_details": {{
      "reasoning_tokens": 4,
      "audio_tokens": 0,
      "accepted_prediction_tokens": 0,
      "rejected_prediction_tokens": 0
    }}
  }},
  "service_tier": "default",
  "system_fingerprint": "fp_headgate"
}}
"#
    )
}

/// One exchange, in the order of Envoy's callbacks.
fn serve(gate: &Configuration, attempt: &Configuration, log: &Log, bodies: &[String; 2]) {
    let [asked, answered] = bodies;
    let shared = Rc::new(Shared::default());
    *shared.request.borrow_mut() = request_head(&asked.len().to_string());
    let stream = Stream::new(&shared);
    gate.filter(&stream);
    stream.request_headers(false);
    stream.receive(0, asked.as_bytes());
    assert!(stream.request_body(true));
    stream.take(0);
    pass_us(100);
    let tried = Stream::new(&shared);
    attempt.filter(&tried);
    assert!(tried.request_headers(false));
    assert!(tried.request_body(true));
    tried.take(0);
    pass_us(400);
    tried.connection.set(1);
    *shared.response.borrow_mut() = answer_head(&answered.len().to_string());
    tried.response_headers(false);
    tried.receive(2, answered.as_bytes());
    assert!(tried.response_body(true));
    let body = tried.take(2);
    stream.response_headers(false);
    stream.receive(2, &body);
    assert!(stream.response_body(true));
    stream.take(2);
    log.write(&Entry { flags: 0, connection: 1 });
    tried.destroy();
    pass_us(50);
    stream.complete();
    stream.destroy();
}

/// All go to the first of the two targets, so that each run is the same.
#[test]
#[ignore = "for a profiler"]
#[allow(unsafe_code, reason = "credentials come from the environment; nothing else in this process runs")]
fn requests_of_half_a_kilobyte() {
    for name in ["BENCH_PROVIDER_KEY", "HEADGATE_INGEST_TOKEN"] {
        // SAFETY: no other thread has begun.
        unsafe { std::env::set_var(name, "sk-bench-0123456789abcdef0123456789abcdef") }
    }
    begin_at(DEFAULT_AT);
    let policy = policy().replace("\"weight\":1,", "\"weight\":0,");
    let gate = Configuration::new("gate", &policy).unwrap();
    let attempt = Configuration::new("attempt", r#"{"provider":"first"}"#).unwrap();
    let (log, bodies) = (Log::new(), [request_body(), answer_body()]);
    let mut records = 0;
    for number in 0..REQUESTS {
        serve(&gate, &attempt, &log, &bodies);
        if (number + 1).is_multiple_of(DELIVERED) {
            pass_us(20_000);
            gate.tick();
            for call in gate.root.take_calls() {
                records += call.body.windows(6).filter(|window| window == b"\"node\"").count();
                gate.answer(&call, Some("200"));
            }
        }
    }
    assert!(records > 0, "no record was delivered");
}
