//! The time that a whole request takes under every guardrail, in nanoseconds a byte: `cargo run --release -p headgate-policy
//! --example guarded_request`, or for wasm32-wasip1 in Node (`tests/bench/wasi.mjs`), as in the proxy.
//!
//! The texts are those of the benchmark. `guarded` and `unguarded` are the gate's whole work on a body; the other columns are
//! parts of it. With the name of a text and a number, only that text is guarded, so often: to count instructions.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement reads the clock and tells")]

#[path = "../../../tests/bench/src/texts.rs"]
mod texts;

use headgate_exchange::{BodyItem, Surface, scan_request, scan_request_and_strings, visit_scanned_request};
use headgate_limits::{FleetStatus, Ledger, OutputEstimates, ReportRow, Stored};
use headgate_policy::document::{DOCUMENT_SCHEMA, DetectorSpec, Document, Guardrail, Provider, Stage};
use headgate_policy::{Cooldowns, Effects, Gate, HeaderView, Policy, RequestEnv, Timestamp};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use texts::{Text, body};

const SIZE: usize = 100_000;
const TEXTS: [(&str, Text); 5] = [
    ("mixed", Text::Mixed),
    ("prose", Text::Prose),
    ("code", Text::Code),
    ("json", Text::Json),
    ("agent", Text::Agent),
];
const MEMBERS: &str = r#""model":"chat","stream":true,"temperature":0.7,"max_tokens":1000"#;

fn main() {
    let (Some(guarded), Some(unguarded)) = (policy(&[Stage::Guardrails]), policy(&[Stage::Logging])) else { return };
    let mut arguments = std::env::args().skip(1);
    if let (Some(only), Some(rounds)) = (arguments.next(), arguments.next().and_then(|rounds| rounds.parse().ok())) {
        let bodies = TEXTS.into_iter().filter(|(name, _)| *name == only).map(|(_, text)| body(text, SIZE, MEMBERS));
        for body in bodies {
            (0_u32..rounds).for_each(|_| pass(&guarded, body.as_bytes()));
        }
        return;
    }
    println!("{:<8}{:>10}{:>10}{:>10}{:>10}{:>10}   ns/byte", "", "guarded", "unguarded", "scan", "walk", "and texts");
    for (name, text) in TEXTS {
        let body = body(text, SIZE, MEMBERS).into_bytes();
        let Ok((_, strings)) = scan_request_and_strings(Surface::ChatCompletions, &body) else { continue };
        let walk = |body: &[u8], see: &mut dyn FnMut(BodyItem<'_>)| {
            black_box(visit_scanned_request(body, &strings, &mut |item| see(item)));
        };
        let columns = [
            best(&body, |body| pass(&guarded, body)),
            best(&body, |body| pass(&unguarded, body)),
            best(&body, |body| drop(black_box(scan_request(Surface::ChatCompletions, body)))),
            best(&body, |body| walk(body, &mut |_| {})),
            best(&body, |body| {
                walk(body, &mut |item| {
                    if let BodyItem::Text(text) = item {
                        black_box(text.unescaped_bytes());
                    }
                });
            }),
        ];
        print!("{name:<8}");
        columns.iter().for_each(|column| print!("{column:>10.3}"));
        println!();
    }
}

/// Every kind of finding, a list of words and a pattern; only what is found is counted.
fn policy(stages: &[Stage]) -> Option<Arc<Policy>> {
    let kinds = ["secrets", "pii", "prompt_injection", "invisible_text"].map(str::to_owned).to_vec();
    let (words, patterns) = (vec!["project nightingale".into()], vec![r"\bEMP-[0-9]{6}\b".into()]);
    let built_in = DetectorSpec { policy: "built-in".into(), kinds, ..DetectorSpec::default() };
    let own = DetectorSpec { policy: "own".into(), words, patterns, ..DetectorSpec::default() };
    let guardrail = |detect| Guardrail { detect, on_request: true, ..Guardrail::default() };
    let document = Document {
        schema: DOCUMENT_SCHEMA,
        max_request_bytes: 1 << 30,
        max_memory: 1 << 30,
        stages: stages.iter().copied().collect(),
        providers: vec![Provider { name: "p".into(), clusters: vec!["c".into()], ..Provider::default() }],
        guardrails: vec![guardrail(built_in), guardrail(own)],
        ..Document::default()
    };
    Policy::from_document(document, |_| None).ok().map(Arc::new)
}

fn pass(policy: &Arc<Policy>, body: &[u8]) {
    let (now, cooldowns, mut effects) = (Timestamp(1_790_000_000_000_000), Cooldowns::default(), Effects::new());
    let mut gate = Gate::new(policy, now, [7; 16]);
    gate.take_cluster(b"c");
    let fields: [(&[u8], &[u8]); 2] = [(b":method", b"POST"), (b":path", b"/v1/chat/completions")];
    gate.request_headers(HeaderView::new(&fields), false, &mut effects);
    let env = RequestEnv {
        cooldowns: &cooldowns,
        ledger: &mut NoLedger,
        fleet_status: FleetStatus::ALONE,
        output_estimates: &mut OutputEstimates::default(),
        unsettled: &mut Vec::new(),
    };
    black_box(gate.request_body(body.to_vec(), now, env, || 0, &mut effects));
}

/// The best of many rounds, so that a busy machine does not show.
fn best(body: &[u8], mut work: impl FnMut(&[u8])) -> f64 {
    let (mut best, mut rounds, began) = (f64::MAX, 0, Instant::now());
    // V8 compiles a function when it is called first.
    while rounds < 20 || began.elapsed() < Duration::from_millis(300) {
        rounds += 1;
        let start = Instant::now();
        work(black_box(body));
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1e9 / body.len() as f64
}

/// No limits, so nothing is counted.
struct NoLedger;

impl Ledger for NoLedger {
    fn read(&mut self, _: u16) -> Stored {
        Stored::default()
    }

    fn write(&mut self, _: u16, _: &[u8], _: u32) -> bool {
        true
    }

    fn touched(&mut self, _: u16) {}

    fn evicted(&mut self, _: Vec<ReportRow>) {}
}
