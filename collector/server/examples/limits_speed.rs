//! Measures limits and budgets of many subjects over real HTTP:
//! `cargo run --release --example limits_speed -- [SUBJECTS] [PROXIES]`.
//!
//! Starts the service on a temporary folder. Proxies report subjects until all are known, 1,000 rows a report, each
//! waiting for its answer; then each proxy reports all of them again. Prints rows/s, the time of an answer, the time of a
//! proxy's first report (with the highest counts in its answer), and the time of a page of 50 for each filter.
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a measuring program: it prints, and stops at the first thing that goes wrong"
)]

mod measured;

use headgate_collector_types::clock::{Stopwatch, now_us};
use headgate_limits::{Report, ReportRow, SYNC_PATH, SYNC_SCHEMA};
use measured::{Client, Outcome, Service, percentile};
use std::time::Duration;

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
    let service = Service::start()?;
    for (seq, what) in [(0, "first seen"), (1_000_000, "changed")] {
        let watch = Stopwatch::start();
        let share = subjects / proxies;
        let mut answers = service.in_parallel(proxies, |proxy, client| report_all(client, proxy, seq, share))?;
        print_speed(what, &mut answers, watch.elapsed().as_secs_f64());
    }
    println!("bytes per count on disk: {}", service.bytes()? / subjects.max(1));
    let (took, brought) = first_report(&mut service.client("ingest")?)?;
    println!("{took:>10.1?}  the first report of a proxy that has restarted, with {brought} counts in its answer");
    pages(&mut service.client("owner")?)
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
        ..Report::default()
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

fn report_all(client: &mut Client, proxy: u64, seq: u64, subjects: u64) -> Outcome<Vec<Duration>> {
    let mut answers = Vec::new();
    // The state after earlier reports: the highest counts have been received, later answers bring the changes of others.
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

fn first_report(client: &mut Client) -> Outcome<(Duration, usize)> {
    let body = serde_json::to_vec(&report(u64::MAX, 1, 0, Vec::new()))?;
    let watch = Stopwatch::start();
    let reply = client.post(SYNC_PATH, &body)?;
    Ok((watch.elapsed(), reply.json()["rows"].as_array().map_or(0, Vec::len)))
}

fn print_speed(what: &str, answers: &mut [Duration], seconds: f64) {
    let rows = u32::try_from(answers.len()).unwrap_or(u32::MAX) * 1_000;
    println!("{rows} counts {what} in {seconds:.2} s: {:.0} rows/s", f64::from(rows) / seconds);
    println!("answer p50 {:?}, p99 {:?}", percentile(answers, 50), percentile(answers, 99));
}

fn pages(client: &mut Client) -> Outcome<()> {
    for page in PAGES {
        let watch = Stopwatch::start();
        let reply = client.get(&format!("/v1/{page}"))?;
        let found = reply.json()["data"].as_array().map_or(0, Vec::len);
        println!("{:>10.1?}  {} ({found} found)  {page}", watch.elapsed(), reply.status);
    }
    Ok(())
}
