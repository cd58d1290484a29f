//! The cost of the filter per request on the stand-in for APISIX, beside the same stand-in without the filter.
//!
//! The stand-in interprets the module, while APISIX compiles it, and there is no network. So the figures compare ways through the
//! filter with one another, and versions of it. They are not those of an APISIX.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "it measures"
)]
#![allow(clippy::disallowed_methods, reason = "it reads the clock of this machine")]

use headgate_config::render::apisix;
use headgate_test_apisix::{ClientRequest, Loaded, Network, Nginx, Outgoing, Received};
use std::path::Path;
use std::time::Instant;

const ROUNDS: usize = 5;
const REQUESTS: u32 = 400;

const POLICY: &str = r#"
environment: bench
listen: 127.0.0.1:1
providers: {alpha: {format: openai, url: "http://127.0.0.1:2/v1"}}
models: {chat: {targets: [{provider: alpha, model: gpt-4o-mini}]}}
keys: [{id: alice, sha256: 31443d332abed1a229de06db8106ab64883c3b6f8270a5bc4b68831591b82034}]
prices: {alpha/gpt-4o-mini: {input: 0, output: 0}}
"#;

/// A provider whose answers are in memory.
struct Provider;

impl Network for Provider {
    fn answer(&mut self, request: &Outgoing) -> Received {
        let stream = request.body.windows(13).any(|part| part == b"\"stream\":true");
        let (kind, chunks) = if stream {
            let event = br#"data: {"choices":[{"index":0,"delta":{"content":"word "}}]}"#;
            ("text/event-stream", vec![[event.as_slice(), b"\n\n"].concat(); 20])
        } else {
            let body = br#"{"choices":[{"index":0,"message":{"role":"assistant","content":"some words"}}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;
            ("application/json", vec![body.to_vec()])
        };
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        Received::Answer { status: 200, headers, chunks, breaks_off: false }
    }
}

fn request(stream: bool, key: &str) -> ClientRequest {
    let key = format!("Bearer {key}");
    let headers = [("host", "gateway.example"), ("authorization", &key), ("content-type", "application/json")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let prompt = "a prompt of some words ".repeat(40);
    let body = format!(r#"{{"model":"chat","stream":{stream},"messages":[{{"role":"user","content":"{prompt}"}}]}}"#);
    ClientRequest {
        method: "POST".to_owned(),
        path: "/v1/chat/completions".to_owned(),
        headers,
        body: body.into_bytes(),
    }
}

/// Returns the median of the rounds, µs per request.
fn measured(nginx: &mut Nginx, request: &ClientRequest, status: u16) -> f64 {
    let mut rounds: Vec<f64> = (0..=ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..REQUESTS {
                assert_eq!(nginx.serve(request, &mut Provider).status, status);
            }
            begun.elapsed().as_secs_f64() * 1e6 / f64::from(REQUESTS)
        })
        .skip(1)
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn main() {
    let wasm = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/wasm32-wasip1/wasm/headgate.wasm");
    let compiled = headgate_config::compile(POLICY, "gateway.yaml", 1_790_000_000).unwrap();
    let [config, rules] = apisix(&compiled, Path::new("headgate.wasm")).try_into().unwrap();
    let loaded = Loaded::from(&wasm);
    let start = |rules: &str| Nginx::start(&loaded, &config.1, rules, &[]);
    let mut with = start(&rules.1);
    // Routes without the filter, and without the line of Lua that demands it.
    let mut without = start(&rules.1.replace("serverless-pre-function", "serverless-absent"));
    without.lose_filter();
    println!("{:<34} {:>10}", "request on the stand-in", "us");
    let none = [false, true].map(|stream| measured(&mut without, &request(stream, "hg-test-alice"), 200));
    let json = measured(&mut with, &request(false, "hg-test-alice"), 200);
    let stream = measured(&mut with, &request(true, "hg-test-alice"), 200);
    let refused = measured(&mut with, &request(false, "hg-test-nobody"), 401);
    for (name, time) in [
        ("JSON, no filter", none[0]),
        ("JSON, answered directly", json),
        ("stream of 20 events, no filter", none[1]),
        ("stream of 20 events", stream),
        ("refused for its key", refused),
    ] {
        println!("{name:<34} {time:>10.0}");
    }
    println!("the filter adds {:.0} us to JSON and {:.0} us to a stream here", json - none[0], stream - none[1]);
}
