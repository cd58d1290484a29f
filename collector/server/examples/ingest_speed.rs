//! Measures the collector's ingest rate and response times over real HTTP: `cargo run --release --example ingest_speed --
//! [RECORDS] [SENDERS]`; `just bench-collector` runs it.
//!
//! Two fifths of the records arrive as in production: at one time, in batches of 500 from several connections, each of which
//! waits for its acknowledgement before it sends the next batch. The others cover a whole year, in order. Most rows of usage are
//! then written for one or two records, which is the slowest case. Then pages, searches, totals, facets and usage are queried
//! over all records, twice. Each figure is printed beside its target.
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a measuring program: it prints, and stops at the first thing that goes wrong"
)]

mod filters;
mod measured;
#[path = "../tests/collector/records.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod records;

use headgate_collector_types::clock::Stopwatch;
use headgate_record::{INGEST_PATH, RejectedBy, RequestRecord};
use measured::{Client, Outcome, Service, percentile};
use records::{BASE_US, batch, record};
use std::time::Duration;

const BATCH: u64 = 500;
const YEAR_US: u64 = 365 * 86_400 * 1_000_000;
const PAGE_MS: u32 = 100;
const REST_MS: u32 = 500;
const HISTOGRAM_MS: u32 = 150;

/// The queries and their target times in ms.
const QUESTIONS: [(u32, &str); 29] = [
    (PAGE_MS, "requests?limit=50"),
    (PAGE_MS, "requests?order=asc"),
    (PAGE_MS, "requests?status_class=5xx"),
    (PAGE_MS, "requests?key_id=key-7"),
    (PAGE_MS, "requests?team=team-3&stream=true"),
    (PAGE_MS, "requests?served_model=gpt-5.2"),
    (PAGE_MS, "requests?config_revision=rev-7&key_id=key-7&owner=owner-7&stream=false"),
    (PAGE_MS, "requests?latency_ms[gte]=29000"),
    (PAGE_MS, "requests?cost_usd[gte]=1"),
    (PAGE_MS, "requests?policy_id=nobody"),
    (PAGE_MS, "requests?from=2026-07-01T00:00:00Z&to=2026-07-02T00:00:00Z&key_id=key-7"),
    (REST_MS, "requests?q=KEY-7"),
    (REST_MS, "requests?q=no+such+name"),
    (REST_MS, "requests?total=true"),
    (REST_MS, "requests?total=true&key_id=key-7&stream=false"),
    (REST_MS, "requests?total=true&q=key-7"),
    (REST_MS, "requests?total=true&team=team-3&latency_ms[gte]=100&from=2026-07-01T00:00:00Z"),
    (HISTOGRAM_MS, "requests/histogram?bars=96"),
    (HISTOGRAM_MS, "requests/histogram?bars=96&team=team-3"),
    (REST_MS, "requests?total=true&totals=true&key_id=key-7"),
    (REST_MS, "requests/facets"),
    (REST_MS, "requests/facets?q=key-7&status=200&facets=key_id,team,status"),
    (REST_MS, "usage?from=2026-01-01&to=2027-01-01&bucket=day&limit=400&group_by[]=team&total=true"),
    (REST_MS, "usage?from=2026-01-01&to=2027-01-01&bucket=day&limit=400&group_by[]=team&percentiles=false"),
    (REST_MS, "usage?from=2026-01-01&to=2027-01-01&bucket=month&group_by[]=key_id&group_by[]=served_model"),
    (REST_MS, "usage?from=2026-01-01&to=2027-01-01&bucket=month&group_by[]=team&time_zone=Europe/Berlin"),
    (REST_MS, "usage?from=2026-06-01&to=2026-07-01&bucket=day&group_by[]=team&time_zone=Europe/Berlin"),
    (REST_MS, "usage?from=2026-06-01&to=2026-06-08&bucket=hour&limit=168&group_by[]=served_model"),
    (REST_MS, "usage?from=2026-01-01&to=2027-01-01&bucket=week&limit=60&key_id=key-7&group_by[]=status_class"),
];

/// Target time of a page of HTML, in ms: list, histogram, totals and thirteen facets.
const PAGE_HTML_MS: u32 = 150;
/// The pages of HTML.
const PAGES: [&str; 5] = [
    "/logs",
    "/logs?q=team:team-3",
    "/logs?q=status:error+key:key-7",
    "/logs?q=key-7",
    "/logs?from=1782864000000000&to=1782950400000000",
];

fn main() -> Outcome<()> {
    let mut numbers = std::env::args().skip(1).map(|n| n.parse::<u64>());
    let all = numbers.next().transpose()?.unwrap_or(1_000_000);
    let senders = numbers.next().transpose()?.unwrap_or(4).max(1);
    let batches = all / BATCH / senders;
    if batches < 5 {
        return Err("too few: at least five batches of 500 records from each sender".into());
    }
    let service = Service::start()?;
    let live = batches * 2 / 5;
    println!("{:>14}  {:>12}  {:>12}", "aim", "at first", "again");
    let (rate, mut acks) = fill(&service, senders, 0..live, |seq| BASE_US + YEAR_US + seq * 1_000)?;
    tell("20000/s", &format!("{rate:.0}/s"), "", "records stored, in batches of 500");
    let p99 = percentile(&mut acks, 99);
    tell("", &told(percentile(&mut acks, 50)), "", "until a batch is acknowledged, p50");
    tell("", &told(p99), "", "p99");
    let year = (batches - live) * BATCH;
    let (rate, _) = fill(&service, senders, live..batches, |seq| BASE_US + (seq - live * BATCH) * (YEAR_US / year))?;
    tell("", &format!("{rate:.0}/s"), "", "records of a whole year stored");
    let stored = batches * senders * BATCH;
    tell("", &format!("{} B", service.bytes()? / stored), "", &format!("a record in the database, of {stored}"));
    let mut owner = service.client("owner")?;
    QUESTIONS.iter().try_for_each(|(aim_ms, question)| ask(&mut owner, *aim_ms, &format!("/v1/{question}"), ""))?;
    let (mut reader, cookie) = service.signed_in()?;
    PAGES.iter().try_for_each(|page| ask(&mut reader, PAGE_HTML_MS, page, &cookie))?;
    filters::measure(&mut owner)
}

/// Sends these batches from each sender; returns records per second and the times of all acknowledgements.
fn fill(
    service: &Service,
    senders: u64,
    batches: std::ops::Range<u64>,
    at_us: impl Fn(u64) -> u64 + Sync,
) -> Outcome<(f64, Vec<Duration>)> {
    let watch = Stopwatch::start();
    let times = service.in_parallel(senders, |sender, client| {
        batches.clone().map(|batch| send(client, sender, batch * BATCH + 1, &at_us)).collect()
    })?;
    let stored = f64::from(u32::try_from(times.len())?) * f64::from(u32::try_from(BATCH)?);
    Ok((stored / watch.elapsed().as_secs_f64(), times))
}

fn send(client: &mut Client, sender: u64, first: u64, at_us: impl Fn(u64) -> u64) -> Outcome<Duration> {
    let (node, boot) = (format!("node-{sender}"), format!("boot-{sender}"));
    let one = |seq| filters::named(varied(record(&node, &boot, seq), sender, at_us(seq)), sender);
    let json: Result<Vec<_>, _> = (first..first + BATCH).map(|seq| serde_json::to_string(&one(seq))).collect();
    let body = batch(&node, &boot, 0, &json?);
    let watch = Stopwatch::start();
    let reply = client.post(INGEST_PATH, &body)?;
    let time = watch.elapsed();
    if reply.status != 200 || reply.json()["stored"] != BATCH {
        return Err(format!("status {}: {}", reply.status, reply.text()).into());
    }
    Ok(time)
}

/// Varies a record over 200 keys, four models and three outcomes, with durations from 0.1 to 30 s, most of them short.
fn varied(mut one: RequestRecord, sender: u64, at_us: u64) -> RequestRecord {
    let mixed = (one.seq.wrapping_mul(0xff51_afd7_ed55_8ccd) ^ sender).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = mixed ^ (mixed >> 31);
    let pick = |shift: u32, of: u64| (mixed >> shift) % of;
    one.caller = record("", "", pick(33, 200)).caller;
    one.started_at = at_us;
    one.duration_us = 100_000 + (pick(5, 1_000) * pick(17, 1_000) * pick(29, 1_000)) * 3 / 100;
    one.time_to_first_token_us = Some(one.duration_us / 4);
    // As in production, few records of a segment have the same cost.
    if let (Some(usage), Some(cost)) = (&mut one.usage, &mut one.cost) {
        (usage.input_tokens, usage.output_tokens) = (pick(7, 30_000), pick(21, 8_000));
        cost.nano_usd = usage.input_tokens * 1_250 + usage.output_tokens * 10_000;
    }
    if let Some(served) = &mut one.served_by {
        served.model = ["gpt-5.2", "gpt-5.2-mini", "claude-sonnet-4-5", "qwen3-32b"]
            .get(usize::try_from(pick(40, 4)).unwrap_or(0))
            .map_or(String::new(), |model| (*model).to_owned());
    }
    (one.status, one.rejected_by) = match pick(50, 100) {
        0 => (503, Some(RejectedBy::Provider)),
        1 | 2 => (429, Some(RejectedBy::Gateway)),
        _ => (200, None),
    };
    one
}

fn ask(client: &mut Client, aim_ms: u32, path: &str, headers: &str) -> Outcome<()> {
    let mut times = [Duration::ZERO; 2];
    for time in &mut times {
        let watch = Stopwatch::start();
        let reply = client.send_with("GET", path, headers, b"")?;
        *time = watch.elapsed();
        if reply.status != 200 {
            return Err(format!("{path}: status {}: {}", reply.status, reply.text()).into());
        }
    }
    let [first, again] = times.map(told);
    tell(&format!("{aim_ms} ms"), &first, &again, path.trim_start_matches("/v1/"));
    Ok(())
}

fn told(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

fn tell(aim: &str, first: &str, again: &str, what: &str) {
    println!("{aim:>14}  {first:>12}  {again:>12}  {what}");
}
