//! The time that guardrails take for a request: `cargo run --release -p headgate-policy --example guard_speed`, or for
//! wasm32-wasip1 under a runner of one's own.
//!
//! Each stage by itself, so that a figure says where the time goes: the walk to the texts, undoing escapes, detecting.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement reads the clock and tells")]

use headgate_exchange::{Edit, Examine, GuardedStream, Halt, UnescapedText, request_texts};
use headgate_guardrails::{Guard, Policies, StreamScanner};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 20;

fn main() {
    let guard = Guard::with_all_kinds();
    for (name, line) in [
        ("prose", "All work and no play makes a long prompt, said \\\"Jack\\\" in a while.\\n"),
        ("code", "    if let Some(value) = self.entries.get(index) { return value.clone() + offset_1; }\\n"),
        ("one letter", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    ] {
        for kilobytes in [1, 10, 100, 1_000] {
            measure(&guard, name, line, kilobytes);
        }
        stream(&guard, name, line);
    }
}

/// Streams events with four bytes of text each, and measures their cost and how much of the text waits.
fn stream(guard: &Guard, name: &str, line: &str) {
    let text = line.replace("\\n", " ").replace("\\\"", "'").repeat(100);
    let events: Vec<String> = text
        .as_bytes()
        .chunks(4)
        .map(|piece| {
            let piece = String::from_utf8_lossy(piece);
            format!("data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{piece}\"}}}}]}}\n\n")
        })
        .collect();
    let (mut best, mut most, mut average) = (f64::MAX, 0, 0);
    for _ in 0..ROUNDS {
        let (mut guarded, mut out) = (GuardedStream::new(true), Vec::new());
        let mut windows = Held { guard, window: StreamScanner::new(Policies::ALL), most: 0, sum: 0 };
        let began = Instant::now();
        for event in &events {
            let _ = guarded.push(event.as_bytes(), false, &mut windows, &mut out);
        }
        best = best.min(began.elapsed().as_secs_f64());
        (most, average) = (windows.most, windows.sum / events.len());
        black_box(out);
    }
    let us = best * 1e6 / events.len() as f64;
    println!("{name:>10} stream: {us:.2} us an event; text held back: {average} bytes on average, {most} at most");
}

struct Held<'a> {
    guard: &'a Guard,
    window: StreamScanner,
    most: usize,
    sum: usize,
}

impl Examine for Held<'_> {
    fn examine(&mut self, _: usize, piece: &str, _: bool, _: &mut Vec<Edit>) -> Result<usize, Halt> {
        let step = self.window.push(self.guard, piece.as_bytes());
        self.most = self.most.max(step.held);
        self.sum += step.held;
        Ok(step.start + step.released.len())
    }

    fn examine_whole(&mut self, _: &str, _: &mut Vec<Edit>) -> Result<(), Halt> {
        Ok(())
    }
}

fn measure(guard: &Guard, name: &str, line: &str, kilobytes: usize) {
    let text = line.repeat(kilobytes * 1_000 / line.len());
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}"#).into_bytes();
    let walk = ns_per_byte(&body, || request_texts(&body).map_or(0, |found| found.texts.len()));
    let texts = request_texts(&body).unwrap_or_default();
    let spell = ns_per_byte(&body, || texts.texts.iter().map(|text| text.unescaped_text().text.len()).sum());
    let spelled: Vec<UnescapedText<'_>> = texts.texts.iter().map(|text| text.unescaped_text()).collect();
    let find = ns_per_byte(&body, || {
        spelled.iter().map(|text| guard.find_in(text.text.as_bytes(), Policies::ALL).len()).sum()
    });
    println!("{name:>10} {kilobytes:>5} KB: walk {walk:6.2}, unescape {spell:6.2}, detect {find:6.2} ns/byte");
}

fn ns_per_byte(body: &[u8], mut act: impl FnMut() -> usize) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        black_box(act());
        best = best.min(began.elapsed().as_secs_f64());
    }
    best * 1e9 / body.len() as f64
}
