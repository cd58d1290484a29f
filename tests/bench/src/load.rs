//! The two measurements: all connections busy, for throughput and cost; and one request at a time, for latency.

use crate::Outcome;
use crate::client::{Client, Timing};
use crate::cores::cpu_time;
use crate::variant::Variant;
use crate::workload::Workload;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Time before the measurement, in which connections are opened and caches are filled.
const WARM_UP: Duration = Duration::from_millis(500);

/// One measurement of one cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Busy {
    pub(crate) requests_per_second: f64,
    /// CPU time of the Envoy process, all threads.
    pub(crate) cpu_us_per_request: f64,
    /// Share of one core.
    pub(crate) cpu_share: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Start and end of the measurement.
#[derive(Debug, Clone, Copy)]
struct Window {
    start: Instant,
    end: Instant,
}

/// Keeps every connection of the workload busy.
pub(crate) async fn busy(variant: &Variant, workload: &Arc<Workload>, measure: Duration) -> Outcome<Busy> {
    let start = Instant::now() + WARM_UP;
    let window = Window { start, end: start + measure };
    let mut connections = JoinSet::new();
    for _ in 0..workload.connections {
        connections.spawn(keep_busy(variant.address, Arc::clone(workload), window));
    }
    tokio::time::sleep_until(window.start.into()).await;
    let (before, began) = (cpu_time(variant.pid())?, Instant::now());
    tokio::time::sleep_until(window.end.into()).await;
    let cpu = cpu_time(variant.pid())?.saturating_sub(before).as_secs_f64();
    let wall = began.elapsed().as_secs_f64();
    let mut totals = Vec::new();
    while let Some(done) = connections.join_next().await {
        let (sent, mut counted) = done?.map_err(|e| format!("{}, {}: {e}", variant.name, workload.name))?;
        variant.count(sent);
        totals.append(&mut counted);
    }
    totals.sort_unstable();
    let requests = totals.len().max(1) as f64;
    Ok(Busy {
        requests_per_second: requests / measure.as_secs_f64(),
        cpu_us_per_request: cpu * 1e6 / requests,
        cpu_share: cpu / wall,
        p50_ms: percentile(&totals, 50),
        p99_ms: percentile(&totals, 99),
    })
}

/// Returns the number of requests that were sent, and the times of those that ended inside the window.
async fn keep_busy(to: SocketAddr, workload: Arc<Workload>, window: Window) -> io::Result<(u64, Vec<Duration>)> {
    let mut client = Client::connect(to).await?;
    let (mut sent, mut counted) = (0, Vec::new());
    loop {
        let timing = client.exchange(&workload).await?;
        sent += 1;
        let now = Instant::now();
        if now >= window.end {
            return Ok((sent, counted));
        }
        if now >= window.start {
            counted.push(timing.total);
        }
    }
}

/// Sends exactly this number of requests, on as many connections as the workload keeps busy.
pub(crate) async fn send(variant: &Variant, workload: &Arc<Workload>, requests: usize) -> Outcome {
    let mut connections = JoinSet::new();
    for connection in 0..workload.connections {
        let share = (connection..requests).step_by(workload.connections).count();
        let (to, workload) = (variant.address, Arc::clone(workload));
        connections.spawn(async move {
            let mut client = Client::connect(to).await?;
            for _ in 0..share {
                client.exchange(&workload).await?;
            }
            io::Result::Ok(share as u64)
        });
    }
    while let Some(done) = connections.join_next().await {
        variant.count(done?.map_err(|e| format!("{}, {}: {e}", variant.name, workload.name))?);
    }
    Ok(())
}

/// Sends one request to each variant in turn, repeatedly. Returns one row for each variant.
pub(crate) async fn alone(variants: &[Variant], workload: &Workload, measure: Duration) -> Outcome<Vec<Vec<Timing>>> {
    let mut clients = Vec::new();
    for variant in variants {
        let mut client = Client::connect(variant.address).await?;
        client.exchange(workload).await.map_err(|e| format!("{}, {}: {e}", variant.name, workload.name))?;
        variant.count(1);
        clients.push((client, variant, Vec::new()));
    }
    let end = Instant::now() + measure;
    while Instant::now() < end {
        for (client, variant, timings) in &mut clients {
            let timing = client.exchange(workload).await;
            timings.push(timing.map_err(|e| format!("{}, {}: {e}", variant.name, workload.name))?);
            variant.count(1);
        }
    }
    Ok(clients.into_iter().map(|(_, _, timings)| timings).collect())
}

/// Returns a percentile of sorted times, in milliseconds.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}
