//! Prints what the detectors cost, in MB/s: `cargo run --release -p headgate-guardrails --example speed`.
//!
//! It also runs as `wasm32-wasip1` in any WASI host (`node speed.mjs target/wasm32-wasip1/release/examples/speed.wasm`),
//! which is the figure that counts: that is where the proxy runs it. Best of many rounds, so that a busy machine does
//! not show.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark owns a clock and an output"
)]

mod hostile;

use headgate_guardrails::{DetectorSpec, Guard, Policies, Window};
use hostile::HOSTILE;
use std::hint::black_box;
use std::time::{Duration, Instant};

// Small enough for many rounds, and for one to be through before a busy machine takes the core away.
const SIZE: usize = 20_000;
const ROUNDS_MS: u64 = 60;

const PROSE: &str = "When the council met on Tuesday, nobody had expected the harbour to be the main point of the evening. The engineers \
had brought 14 drawings and a model; the mayor's office, as so often, brought questions. \"How long will it take?\" she asked. Two years, they \
said, if the weather holds and the supplier's steel arrives in March. ";
const GERMAN: &str = "Über die Brücke führte früher eine schmale Straße, auf der sich im Sommer die Wagen stauten; heute fährt man außen herum. \
„Größer muss nicht schöner sein“, sagte der Architekt, und die meisten im Saal nickten. ";
const CHINESE: &str = "会议于星期二举行，没有人预料到港口会成为当晚的主要议题。工程师们带来了十四张图纸和一个模型，市长办公室则一如既往地带来了问题。";
const RUSSIAN: &str = "Когда совет собрался во вторник, никто не ожидал, что главным вопросом вечера станет гавань. Инженеры принесли чертежи и макет. ";
const CODE: &str = "    fn settle(&mut self, known: usize) -> Option<usize> {\n        let ready = self.waiting.partition_point(|item| item.start < known);\n\
        if ready == 0 || self.state.get(\"open_items\") == Some(&42) { return None; }\n        self.total += ready * 0x1F; // see RFC 9110, 15.5.4\n    }\n";
const JSON: &str = "{\"id\":48213,\"name\":\"harbour_model_7\",\"created_at\":\"2025-03-14T09:26:53Z\",\"tags\":[\"steel\",\"bridge-2\"],\"score\":0.8731,\"token_count\":1182,\"ok\":true},";

fn main() {
    let guard = Guard::with_all_kinds();
    println!("{:<34}{:>10}{:>12}{:>12}   MB/s", "", "whole", "by 40 bytes", "by 1 byte");
    let only = std::env::args().nth(1).unwrap_or_default();
    for (name, text) in inputs().into_iter().filter(|(name, _)| name.contains(&only)) {
        let whole = measure(&text, || {
            black_box(guard.find_in(black_box(&text), Policies::ALL));
        });
        let [stream, bytes] = [40, 1].map(|size| {
            measure(&text, || {
                let mut window = Window::new(Policies::ALL);
                for piece in text.chunks(size) {
                    black_box(window.push(&guard, black_box(piece)).held);
                }
                black_box(window.finish(&guard).held);
            })
        });
        println!("{name:<34}{whole:>10.1}{stream:>12.1}{bytes:>12.2}");
    }
    let none = Guard::compile(&[DetectorSpec::default()]).map(|guard| guard.find("").len());
    println!("{}", if none.is_ok() { "" } else { "a guard without detectors does not compile" });
}

fn inputs() -> Vec<(&'static str, Vec<u8>)> {
    let mut random = Random(7);
    let mut noise = |alphabet: &[u8]| (0..SIZE).map(|_| alphabet[random.below(alphabet.len())]).collect::<Vec<u8>>();
    let fill = |text: &str| text.as_bytes().iter().copied().cycle().take(SIZE).collect::<Vec<u8>>();
    let base64 = noise(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    let hex = noise(b"0123456789abcdef");
    let digits = noise(b"0123456789");
    let groups = noise(b"0123456789012345678901234567890123456789 -.");
    let signs = noise(b" .-:=@+/_~()<[#\"'\\%0123456789abcdefABCDEF");
    let mut inputs = vec![
        ("prose, English", fill(PROSE)),
        ("prose, German", fill(GERMAN)),
        ("prose, Russian", fill(RUSSIAN)),
        ("prose, Chinese", fill(CHINESE)),
        ("code", fill(CODE)),
        ("JSON", fill(JSON)),
        ("base64", base64),
        ("hex", hex),
        ("digits", digits),
        ("random groups of digits", groups),
        ("random signs", signs),
    ];
    inputs.extend(HOSTILE.iter().map(|row| (row.0, hostile::text(row, SIZE).into_bytes())));
    inputs
}

/// Best of rounds for some time, in MB/s.
fn measure(text: &[u8], mut work: impl FnMut()) -> f64 {
    let began = Instant::now();
    let mut best = f64::MAX;
    while began.elapsed() < Duration::from_millis(ROUNDS_MS) {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    text.len() as f64 / best / 1e6
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % limit
    }
}
