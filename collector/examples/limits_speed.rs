//! How long limits and budgets of many subjects take, over real HTTP: `cargo run --release --example limits_speed -- [SUBJECTS] [PROXIES]`.
//!
//! Starts the service on a folder of its own. Proxies report subjects until all are known, 1,000 rows a report, each
//! proxy waiting for its answer; then each reports all of them once more. Prints rows/s, the time of an answer, the time
//! of a proxy's first report (which brings it what is dearest), and the time of a page of 50 for each filter.
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a measuring program: it prints, and stops at the first thing that goes wrong"
)]

#[path = "../tests/collector/client.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod client;

use client::Client;
use headgate_collector::clock::{Stopwatch, now_us};
use headgate_collector::http::{self, App, Metrics};
use headgate_collector::store::{Role, Store, hash_token};
use headgate_limits::{Report, ReportRow, SYNC_PATH, SYNC_SCHEMA};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const ROWS: u64 = 1_000;
const PAGES: [&str; 10] = [
    "budgets?limit=50",
    "budgets?limit=500",
    "budgets?limit=50&id=per-key",
    "budgets?limit=50&id=none",
    "budgets?limit=50&min_percent=99",
    "budgets?limit=50&meter=nano_usd/day",
    "budgets?limit=50&subject=key-77",
    "budgets?limit=50&subject=none",
    "budgets?limit=50&window=all",
    "limits?limit=50",
];

fn main() -> Outcome<()> {
    let mut numbers = std::env::args().skip(1).map(|n| n.parse::<u64>());
    let subjects = numbers.next().transpose()?.unwrap_or(100_000);
    let proxies = numbers.next().transpose()?.unwrap_or(4).max(1);
    let folder = tempfile::tempdir()?;
    let runtime = Runtime::new()?;
    let address = start(&runtime, folder.path())?;
    for (seq, what) in [(0, "first seen"), (1_000_000, "changed")] {
        let watch = Stopwatch::start();
        let share = subjects / proxies;
        let reporting: Vec<_> =
            (0..proxies).map(|proxy| thread::spawn(move || report_all(address, proxy, seq, share))).collect();
        let mut answers = Vec::new();
        for proxy in reporting {
            answers.extend(proxy.join().map_err(|_| "a proxy failed")??);
        }
        print_speed(what, &mut answers, watch.elapsed().as_secs_f64());
    }
    let bytes = std::fs::metadata(folder.path().join("headgate.db"))?.len();
    println!("bytes per count on disk: {}", bytes / subjects.max(1));
    let (took, brought) = first_report(address)?;
    println!("{took:>10.1?}  the first report of a proxy that has restarted, with {brought} counts in its answer");
    pages(address)
}

fn start(runtime: &Runtime, folder: &std::path::Path) -> Outcome<SocketAddr> {
    let (metrics, writes) = Metrics::new();
    let store = Store::open(folder, writes)?;
    let tokens = [(hash_token("ingest"), Role::Ingest), (hash_token("owner"), Role::Owner)];
    let app = App::new(&store, metrics, &tokens);
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    runtime.spawn(http::serve(listener, app, std::future::pending(), Duration::ZERO));
    Ok(address)
}

fn report(proxy: u64, seq: u64, cursor: u64, rows: Vec<ReportRow>) -> Report {
    Report {
        schema: SYNC_SCHEMA,
        node: "node".to_owned(),
        boot: format!("boot-{proxy}"),
        seq,
        whole: true,
        revision: "rev-1".to_owned(),
        cursor,
        rules: Some(Vec::new()),
        rows,
    }
}

fn row(subject: u64) -> ReportRow {
    let now_s = u64::try_from(now_us() / 1_000_000).unwrap_or(0);
    let start = now_s - now_s % 86_400;
    ReportRow {
        rule: "per-key".to_owned(),
        meter: "nano_usd/day".to_owned(),
        subject: vec![format!("key-{subject}")],
        start,
        end: Some(start + 2 * 86_400),
        max: 1_000_000,
        used: 1 + subject * 7_919 % 499_999,
        ..ReportRow::default()
    }
}

fn report_all(address: SocketAddr, proxy: u64, seq: u64, subjects: u64) -> Outcome<Vec<Duration>> {
    let mut client = Client::connect(address, "ingest")?;
    let mut answers = Vec::new();
    // As from a report before these: what is dearest has been brought, what others change is brought on.
    let mut cursor = 1;
    for first in (0..subjects).step_by(1_000) {
        let rows = (first..subjects.min(first + ROWS)).map(|subject| row(proxy * subjects + subject)).collect();
        let body = serde_json::to_vec(&report(proxy, seq + first / ROWS + 1, cursor, rows))?;
        let watch = Stopwatch::start();
        let reply = client.post(SYNC_PATH, &body)?;
        answers.push(watch.elapsed());
        if reply.status != 200 {
            return Err(format!("status {}: {}", reply.status, reply.text()).into());
        }
        cursor = reply.json()["cursor"].as_u64().unwrap_or(cursor);
    }
    Ok(answers)
}

fn first_report(address: SocketAddr) -> Outcome<(Duration, usize)> {
    let body = serde_json::to_vec(&report(u64::MAX, 1, 0, Vec::new()))?;
    let watch = Stopwatch::start();
    let reply = Client::connect(address, "ingest")?.post(SYNC_PATH, &body)?;
    Ok((watch.elapsed(), reply.json()["rows"].as_array().map_or(0, Vec::len)))
}

fn print_speed(what: &str, answers: &mut [Duration], seconds: f64) {
    answers.sort_unstable();
    let at = |share: usize| answers.get(answers.len() * share / 100).copied().unwrap_or_default();
    let rows = u32::try_from(answers.len()).unwrap_or(u32::MAX) * 1_000;
    println!("{rows} counts {what} in {seconds:.2} s: {:.0} rows/s", f64::from(rows) / seconds);
    println!("answer p50 {:?}, p99 {:?}", at(50), at(99));
}

fn pages(address: SocketAddr) -> Outcome<()> {
    let mut client = Client::connect(address, "owner")?;
    for page in PAGES {
        let watch = Stopwatch::start();
        let reply = client.get(&format!("/v1/{page}"))?;
        let found = reply.json()["data"].as_array().map_or(0, Vec::len);
        println!("{:>10.1?}  {} ({found} found)  {page}", watch.elapsed(), reply.status);
    }
    Ok(())
}
