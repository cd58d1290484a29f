//! How many records a second reach the disk, over real HTTP: `cargo run --release --example ingest_speed -- [BATCHES] [SENDERS]`.
//!
//! Starts the service on a folder of its own, sends batches of 500 from several connections, each waiting for its
//! acknowledgement before it sends the next, and prints records/s, the time to the acknowledgement, bytes a record on
//! disk, and the time of pages, totals and facets, at first and again.
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a measuring program: it prints, and stops at the first thing that goes wrong"
)]

#[path = "../tests/collector/client.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod client;
#[path = "../tests/collector/records.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod records;

use client::Client;
use headgate_collector::clock::Stopwatch;
use headgate_collector::http::{self, App, Metrics};
use headgate_collector::store::{Role, Store, hash_token};
use headgate_record::INGEST_PATH;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const BATCH: u64 = 500;
const QUERIES: [&str; 26] = [
    "?limit=50",
    "?order=asc",
    "?status=200",
    "?status_class=2xx",
    "?key_id=key-7",
    "?owner=owner-3",
    "?team=team-3&stream=true",
    "?requested_model=chat",
    "?served_model=gpt-5.2",
    "?failover=true",
    "?status_class=5xx",
    "?config_revision=rev-7&key_id=key-7&owner=owner-7&stream=false",
    "?latency_ms[gte]=900",
    "?cost_usd[gte]=1",
    "?policy_id=nobody",
    "?q=KEY-7",
    "?q=no+such+name",
    "?from=2026-01-01T00:00:20Z&to=2026-01-01T00:00:21Z",
    "?from=2026-01-01T00:00:20Z&to=2026-01-01T00:00:21Z&key_id=key-7",
    "?total=true",
    "?total=true&key_id=key-7&stream=false",
    "?total=true&q=key-7",
    "?total=true&team=team-3&latency_ms[gte]=100&cost_usd[lte]=1&from=2026-01-01T00:00:20Z",
    "/facets",
    "/facets?team=team-3",
    "/facets?q=key-7&status=200&facets=key_id,team,status",
];

fn main() -> Outcome<()> {
    let mut numbers = std::env::args().skip(1).map(|n| n.parse::<u64>());
    let batches = numbers.next().transpose()?.unwrap_or(400);
    let senders = numbers.next().transpose()?.unwrap_or(4).max(1);
    let folder = tempfile::tempdir()?;
    let runtime = Runtime::new()?;
    let address = start(&runtime, folder.path())?;

    let watch = Stopwatch::start();
    let sending: Vec<_> =
        (0..senders).map(|sender| thread::spawn(move || send(address, sender, batches / senders))).collect();
    let mut acks = Vec::new();
    for sender in sending {
        acks.extend(sender.join().map_err(|_| "a sender failed")??);
    }
    let seconds = watch.elapsed().as_secs_f64();
    report(&mut acks, seconds);
    let rows = f64::from(u32::try_from(acks.len())?) * 500.0;
    let bytes = f64::from(u32::try_from(std::fs::metadata(folder.path().join("headgate.db"))?.len() / 1024)?) * 1024.0;
    println!("bytes per record on disk: {:.0}", bytes / rows);
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

fn send(address: SocketAddr, sender: u64, batches: u64) -> Outcome<Vec<Duration>> {
    let (node, boot) = (format!("node-{sender}"), format!("boot-{sender}"));
    let mut client = Client::connect(address, "ingest")?;
    let mut acks = Vec::new();
    for batch in 0..batches {
        let first = batch * BATCH + 1;
        let body = records::batch_of(&node, &boot, first..first + BATCH);
        let watch = Stopwatch::start();
        let reply = client.post(INGEST_PATH, &body)?;
        acks.push(watch.elapsed());
        if reply.status != 200 || reply.json()["stored"] != BATCH {
            return Err(format!("status {}: {}", reply.status, reply.text()).into());
        }
    }
    Ok(acks)
}

fn report(acks: &mut [Duration], seconds: f64) {
    acks.sort_unstable();
    let at = |share: usize| acks.get(acks.len() * share / 100).copied().unwrap_or_default();
    let records = u32::try_from(acks.len()).unwrap_or(u32::MAX) * 500;
    println!("{records} records in {seconds:.2} s: {:.0} records/s", f64::from(records) / seconds);
    println!("acknowledgement p50 {:?}, p99 {:?}", at(50), at(99));
}

fn pages(address: SocketAddr) -> Outcome<()> {
    let mut client = Client::connect(address, "owner")?;
    for query in QUERIES {
        let mut times = Vec::new();
        let mut last = (0, 0);
        for _ in 0..3 {
            let watch = Stopwatch::start();
            let reply = client.get(&format!("/v1/requests{query}"))?;
            times.push(watch.elapsed());
            last = (reply.status, reply.json()["data"].as_array().map_or(0, Vec::len));
        }
        println!("first {:>10.1?}, then {:>10.1?}  {} ({} found)  {query}", times[0], times[2], last.0, last.1);
    }
    Ok(())
}
