//! Prints the speed of the scans, in nanoseconds a byte: `cargo run --release -p headgate-exchange --example scan_speed`.
//!
//! It also runs as `wasm32-wasip1` (built with `-C target-feature=+simd128`) in any WASI host, as in the proxy. The best of
//! many rounds is printed, so that a busy machine does not show.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a benchmark owns a clock and an output")]

use headgate_exchange::{Dialect, StreamReader, Surface, UsageScan, rewrite, scan_request};
use std::hint::black_box;
use std::time::{Duration, Instant};

const KILOBYTES: [f64; 4] = [0.5, 10.0, 100.0, 1000.0];
const ASCII: &str = "The quick brown fox jumps over the lazy dog, again. ";
const QUOTED: &str = r#"She said \"no\".\nThen: if (a < b) { c[d] += \"e\"; }\n"#;
const WIDE: &str = "Съешь же ещё этих мягких французских булок, да. ";

fn main() {
    println!("{:<36}{:>9}{:>9}{:>9}{:>9}  ns/byte", "", "0.5 KB", "10 KB", "100 KB", "1 MB");
    for (name, text) in [("plain", ASCII), ("escapes", QUOTED), ("cyrillic", WIDE)] {
        row(&format!("request scan, {name}"), |size| {
            time(&chat(text, size), |body| {
                black_box(scan_request(Surface::ChatCompletions, black_box(body)).is_ok());
            })
        });
    }
    row("request scan, JSON schemas", |size| {
        time(&tools(size), |body| {
            black_box(scan_request(Surface::ChatCompletions, black_box(body)).is_ok());
        })
    });
    row("request scan and rewritten copy", |size| {
        time(&chat(ASCII, size), |body| {
            if let Ok(scan) = scan_request(Surface::ChatCompletions, black_box(body)) {
                black_box(rewrite(&scan, "gpt-5.2", true).apply(body));
            }
        })
    });
    row("usage scan, plain answer", |size| {
        time(&chat(ASCII, size), |body| {
            let mut scan = UsageScan::new(Dialect::Openai);
            scan.push(black_box(body));
            black_box(scan.finish());
        })
    });
    row("usage scan, embeddings", |size| {
        time(&embeddings(size), |body| {
            let mut scan = UsageScan::new(Dialect::Openai);
            scan.push(black_box(body));
            black_box(scan.finish());
        })
    });
    for (name, hide) in [("read", false), ("usage hidden", true)] {
        row(&format!("stream, 1 event a chunk, {name}"), |size| {
            time(&stream(size), |body| {
                let mut reader = StreamReader::new(Surface::ChatCompletions, hide);
                for event in body.split_inclusive(|&byte| byte == b'\n') {
                    black_box(reader.push(black_box(event), false));
                }
                black_box(reader.reading());
            })
        });
    }
}

fn row(name: &str, mut measure: impl FnMut(usize) -> f64) {
    print!("{name:<36}");
    for kilobytes in KILOBYTES {
        print!("{:>9.2}", measure((kilobytes * 1000.0) as usize));
    }
    println!();
}

/// Returns the best of rounds of a tenth of a second, in nanoseconds a byte.
fn time(body: &[u8], mut work: impl FnMut(&[u8])) -> f64 {
    let rounds = (100_000 / body.len()).max(1);
    let began = Instant::now();
    let mut best = f64::MAX;
    while began.elapsed() < Duration::from_millis(150) {
        let start = Instant::now();
        for _ in 0..rounds {
            work(body);
        }
        best = best.min(start.elapsed().as_nanos() as f64 / (rounds * body.len()) as f64);
    }
    best
}

/// Returns turns of about 800 bytes, then the model, in the order of the SDKs.
fn chat(text: &str, size: usize) -> Vec<u8> {
    let mut body = String::from(r#"{"messages":[{"role":"system","content":"Be brief."}"#);
    while body.len() < size.saturating_sub(80) {
        let room = size.saturating_sub(80) - body.len();
        let words = text.repeat((room.min(800) / text.len()).max(1));
        body += &format!(r#",{{"role":"user","content":"{words}"}}"#);
    }
    body += r#"],"model":"chat","stream":true,"temperature":0.7,"max_tokens":1000}"#;
    body.into_bytes()
}

fn tools(size: usize) -> Vec<u8> {
    let mut body = String::from(r#"{"messages":[],"tools":["#);
    while body.len() < size.saturating_sub(20) {
        body += r#"{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string","minLength":1}},"required":["city"]}}},"#;
    }
    body += r#"null],"model":"chat"}"#;
    body.into_bytes()
}

fn embeddings(size: usize) -> Vec<u8> {
    let mut body = String::from(r#"{"object":"list","data":[{"object":"embedding","embedding":["#);
    while body.len() < size {
        body += "-0.006929283495992422,0.0123,";
    }
    body += r#"0]}],"usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    body.into_bytes()
}

fn stream(size: usize) -> Vec<u8> {
    let mut body = String::new();
    while body.len() < size {
        body += "data: {\"id\":\"chatcmpl-123\",\"object\":\"chat.completion.chunk\",\"created\":1694268190,\"model\":\"gpt-5.2\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";
    }
    body += "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":9}}\n\ndata: [DONE]\n\n";
    body.into_bytes()
}
