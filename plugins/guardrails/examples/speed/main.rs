//! Prints the speed of the detectors, in MB/s: `cargo run --release -p headgate-guardrails --example speed`.
//!
//! It also runs as `wasm32-wasip1` in any WASI host (`node wasi.mjs target/wasm32-wasip1/release/examples/speed.wasm`), which is the
//! relevant figure, because the proxy runs them there. The best of many rounds counts, so that a busy machine does not show.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark owns a clock and an output"
)]

mod hostile;
mod texts;

use headgate_guardrails::{DetectorSpec, Guard, Policies, StreamScanner};
use hostile::HOSTILE;
use std::hint::black_box;
use std::time::{Duration, Instant};
use texts::{AGENT, CHINESE, CODE, GERMAN, JSON, MIXED, PROSE, RUSSIAN};

// Small enough for many rounds, and for one to be through before a busy machine takes the core away.
const SIZE: usize = 6_000;
const ROUNDS_MS: u64 = 80;

/// Ways to hand a text over: whole, and in pieces of so many bytes.
const WAYS: [Option<usize>; 3] = [None, Some(40), Some(1)];

fn main() {
    let guard = Guard::with_all_kinds();
    let mut arguments = std::env::args().skip(1);
    let only = arguments.next().unwrap_or_default();
    if let Some(file) = arguments.next().filter(|_| only == "--units") {
        return search(&guard, &file, arguments.next().and_then(|size| size.parse().ok()));
    }
    let prose = fill(PROSE);
    // A virtual machine compiles code better once it has run for a while.
    for way in WAYS {
        compare(&guard, &prose, &prose, way);
    }
    if only != "--bytes" {
        print_all(&guard, &prose, &only);
    }
    print_natural(&guard, &only);
}

/// Speed of every input, and how often its cost is that of prose.
fn print_all(guard: &Guard, prose: &[u8], only: &str) {
    println!(
        "{:<34}{:>10}{:>12}{:>12}   MB/s, and cost of a byte beside one of prose",
        "", "whole", "by 40 bytes", "by 1 byte"
    );
    let mut worst = [0.0_f64; WAYS.len()];
    for (name, text) in inputs().into_iter().filter(|(name, _)| name.contains(only)) {
        let [whole, pieces, bytes] = WAYS.map(|way| compare(guard, &text, prose, way));
        println!(
            "{name:<34}{:>10.1}{:>12.1}{:>12.2}   {:>5.1}{:>5.1}{:>5.1}",
            whole.0, pieces.0, bytes.0, whole.1, pieces.1, bytes.1
        );
        worst.iter_mut().zip([whole, pieces, bytes]).for_each(|(worst, (_, times))| *worst = worst.max(times));
    }
    println!("{:<68}   {:>5.1}{:>5.1}{:>5.1}", "the most expensive", worst[0], worst[1], worst[2]);
}

/// Cost of the texts that callers send: with the built-in kinds, and with a word list and a pattern of the operator's as well.
fn print_natural(built_in: &Guard, only: &str) {
    let own = guard_with_own();
    println!("{:<34}{:>10}{:>12}   ns for a byte", "", "built in", "and own");
    for (name, text) in natural().into_iter().filter(|(name, _)| only == "--bytes" || name.contains(only)) {
        let (mut best, began) = ([f64::MAX; 2], Instant::now());
        while began.elapsed() < Duration::from_millis(ROUNDS_MS * 4) {
            for (best, guard) in best.iter_mut().zip([built_in, &own]) {
                *best = best.min(once(guard, &text, None));
            }
        }
        println!("{name:<34}{:>10.2}{:>12.2}", best[0] * 1e9, best[1] * 1e9);
    }
}

/// All built-in kinds, a word list and a pattern.
fn guard_with_own() -> Guard {
    let kinds = ["secrets", "pii", "prompt_injection", "invisible_text"].map(str::to_owned).to_vec();
    let built_in = DetectorSpec { kinds, ..DetectorSpec::default() };
    let (words, patterns) = (vec!["project nightingale".into()], vec![r"\bEMP-[0-9]{6}\b".into()]);
    let own = DetectorSpec { policy: "own".into(), words, patterns, ..DetectorSpec::default() };
    Guard::compile(&[built_in, own]).unwrap_or_else(|_| Guard::with_all_kinds())
}

/// MB/s of a text, and how often its cost of a byte is that of prose; best of rounds that take turns, so that a busy machine
/// does not show.
fn compare(guard: &Guard, text: &[u8], prose: &[u8], way: Option<usize>) -> (f64, f64) {
    let began = Instant::now();
    let (mut best, mut best_prose) = (f64::MAX, f64::MAX);
    while began.elapsed() < Duration::from_millis(ROUNDS_MS) {
        best_prose = best_prose.min(once(guard, prose, way));
        best = best.min(once(guard, text, way));
    }
    (1e-6 / best, best / best_prose)
}

/// Seconds for a byte.
fn once(guard: &Guard, text: &[u8], way: Option<usize>) -> f64 {
    let start = Instant::now();
    match way {
        Some(size) => stream(guard, text, size),
        None => drop(black_box(guard.find_in(black_box(text), Policies::ALL))),
    }
    start.elapsed().as_secs_f64() / text.len() as f64
}

/// Repeats each line of a file as a text of its own and prints the slowest, as multiples of prose. The rows
/// of `hostile.rs` were found so. A backslash and `n` stand for a line feed. With a number after the file's name texts come in
/// pieces of so many bytes.
fn search(guard: &Guard, file: &str, piece: Option<usize>) {
    let lines = std::fs::read_to_string(file).unwrap_or_default();
    let prose: Vec<u8> = PROSE.bytes().cycle().take(SIZE).collect();
    let mut slow = Vec::new();
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let text = hostile::text(&("", &line.replace("\\n", "\n"), 0), SIZE).into_bytes();
        let (mut best, mut best_prose) = (f64::MAX, f64::MAX);
        for _ in 0..6 {
            best_prose = best_prose.min(once(guard, &prose, piece));
            best = best.min(once(guard, &text, piece));
        }
        slow.push((best / best_prose, line));
    }
    slow.sort_by(|a, b| b.0.total_cmp(&a.0));
    let above = [5.0, 4.5, 4.0].map(|limit| slow.iter().filter(|(times, _)| *times > limit).count());
    println!("above 5, 4.5 and 4 times prose: {above:?}");
    slow.iter().take(200).for_each(|(times, line)| println!("{times:>8.1}  {line}"));
}

fn stream(guard: &Guard, text: &[u8], size: usize) {
    let mut window = StreamScanner::new(Policies::ALL);
    for piece in text.chunks(size) {
        black_box(window.push(guard, black_box(piece)).held);
    }
    black_box(window.finish(guard).held);
}

fn fill(text: &str) -> Vec<u8> {
    text.bytes().cycle().take(SIZE).collect()
}

/// Texts as callers send them. The long ones are cut from their beginning, at whole characters.
fn natural() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("prose, English", fill(PROSE)),
        ("prose, German", fill(GERMAN)),
        ("prose, Russian", fill(RUSSIAN)),
        ("prose, Chinese", fill(CHINESE)),
        ("mixed, as `just bench` sends it", fill(MIXED)),
        ("code", fill(CODE)),
        ("JSON", fill(JSON)),
        ("as agents send it", fill(AGENT)),
    ]
}

fn inputs() -> Vec<(&'static str, Vec<u8>)> {
    let mut random = Random(7);
    let mut noise = |alphabet: &[u8]| (0..SIZE).map(|_| alphabet[random.below(alphabet.len())]).collect::<Vec<u8>>();
    let base64 = noise(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    let hex = noise(b"0123456789abcdef");
    let digits = noise(b"0123456789");
    let groups = noise(b"0123456789012345678901234567890123456789 -.");
    let signs = noise(b" .-:=@+/_~()<[#\"'\\%0123456789abcdefABCDEF");
    let mut inputs = natural();
    inputs.extend([
        ("base64", base64),
        ("hex", hex),
        ("digits", digits),
        ("random groups of digits", groups),
        ("random signs", signs),
    ]);
    inputs.extend(HOSTILE.iter().map(|row| (row.0, hostile::text(row, SIZE).into_bytes())));
    inputs
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % limit
    }
}
