//! Prints the figures as tables for people and as JSON for comparisons of runs.

use crate::args::Args;
use crate::client::Timing;
use crate::load::{Busy, percentile};
use crate::variant::Variant;
use crate::workload::Workload;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// All measurements of one workload; the first row is bare Envoy.
pub(crate) struct Cell {
    workload: Arc<Workload>,
    /// Without a proxy.
    limit: Busy,
    /// By variant and round.
    pub(crate) busy: Vec<Vec<Busy>>,
    /// By variant, all rounds. The n-th of each were sent one directly after the other.
    pub(crate) alone: Vec<Vec<Timing>>,
}

impl Cell {
    pub(crate) fn new(workload: Arc<Workload>, limit: Busy, variants: usize) -> Self {
        let busy = std::iter::repeat_with(Vec::new).take(variants).collect();
        let alone = vec![Vec::new(); variants];
        Self { workload, limit, busy, alone }
    }
}

/// Share of its core above which requests/s are the worker's limit, not the machine's.
pub(crate) const FULL: f64 = 0.9;

/// A whole run.
pub(crate) struct Report {
    about: String,
    variants: Vec<&'static str>,
    pub(crate) cells: Vec<Cell>,
    /// Resident memory of each Envoy after its load, bytes.
    pub(crate) memory: Vec<u64>,
}

/// Medians of one row under load.
#[derive(Clone)]
pub(crate) struct Medians {
    pub(crate) requests_per_second: f64,
    pub(crate) cpu_us: f64,
    pub(crate) cpu_share: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// One row of latencies, milliseconds.
#[derive(Clone)]
struct Latencies {
    first_byte_p50: f64,
    /// Median of the differences to the bare request sent directly before.
    first_byte_later: f64,
    p50: f64,
    p99: f64,
}

impl Report {
    pub(crate) fn new(args: &Args, cores: String, variants: &[Variant]) -> Self {
        let collector = if args.collector.is_some() { "real collector" } else { "collector stub" };
        let about = format!(
            "One Envoy worker. {cores}. Medians of {} rounds of {:?}, variants in turn. {collector}.",
            args.rounds, args.measure
        );
        Self {
            about,
            variants: variants.iter().map(|variant| variant.name).collect(),
            cells: Vec::new(),
            memory: Vec::new(),
        }
    }

    pub(crate) fn markdown(&self) -> String {
        let tables = [self.busy_table(), self.limits(), self.alone_table(), self.memory_table()];
        format!("{}\n\n{}", self.about, tables.join("\n"))
    }

    /// Near this figure, generator and provider limit the measurement instead of the proxy.
    fn limits(&self) -> String {
        let limit = |cell: &Cell| format!("{}: {:.0}", cell.workload.name, cell.limit.requests_per_second);
        let limits: Vec<String> = self.cells.iter().map(limit).collect();
        format!("Requests/s of generator and provider without a proxy: {}.\n", limits.join("; "))
    }

    fn busy_table(&self) -> String {
        let mut table = String::from(
            "Every connection busy. A dash: the worker's core was not full (a paced load, or a busy machine); \
             then `bare/own` tells what it can do, the ratio of CPU per request. \
             `of bare`, `over bare` and `bare/own` are medians of what each round says by itself, for a machine's speed changes \
             from one round to the next.\n\n\
             | body | variant | requests/s | of bare | CPU µs/request | over bare | bare/own | p50 ms | p99 ms | worker's core |\n\
             |---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for (cell, name, rounds, bare_rounds) in self.rows(|cell| cell.busy.clone()) {
            let (row, bare) = (medians(&rounds), medians(&bare_rounds));
            let paired = |figure: fn(&Busy, &Busy) -> f64| paired_median(&rounds, &bare_rounds, figure);
            let full = row.cpu_share.min(bare.cpu_share) >= FULL;
            let of_bare = paired(|own, bare| own.requests_per_second / bare.requests_per_second);
            let of_bare = if full { format!("{of_bare:.2}") } else { "–".into() };
            // Writing to a string cannot fail.
            let _ = writeln!(
                table,
                "| {} | {name} | {:.0} | {of_bare} | {:.1} | {:+.1} | {:.2} | {:.2} | {:.2} | {:.0} % |",
                cell.workload.name,
                row.requests_per_second,
                row.cpu_us,
                paired(|own, bare| own.cpu_us_per_request - bare.cpu_us_per_request),
                paired(|own, bare| bare.cpu_us_per_request / own.cpu_us_per_request),
                row.p50_ms,
                row.p99_ms,
                row.cpu_share * 100.0
            );
        }
        table
    }

    fn alone_table(&self) -> String {
        let mut table = String::from(
            "One request at a time, variants in turn; `later` is the median of the paired differences.\n\n\
             | body | variant | first byte p50 ms | later | p50 ms | p99 ms |\n\
             |---|---|--:|--:|--:|--:|\n",
        );
        for (cell, name, row, _) in self.rows(latencies) {
            let _ = writeln!(
                table,
                "| {} | {name} | {:.3} | {:+.3} | {:.3} | {:.3} |",
                cell.workload.name, row.first_byte_p50, row.first_byte_later, row.p50, row.p99
            );
        }
        table
    }

    fn memory_table(&self) -> String {
        let mut table = String::from("| variant | memory after the load, MiB | over bare |\n|---|--:|--:|\n");
        let bare = mebibytes(self.memory.first().copied().unwrap_or_default());
        for (name, bytes) in self.variants.iter().zip(&self.memory) {
            let own = mebibytes(*bytes);
            let _ = writeln!(table, "| {name} | {own:.0} | {:+.0} |", own - bare);
        }
        table
    }

    /// Returns every row of every cell with its bare row.
    fn rows<T: Clone>(&self, of: impl Fn(&Cell) -> Vec<T>) -> Vec<(&Cell, &'static str, T, T)> {
        let mut all = Vec::new();
        for cell in &self.cells {
            let rows = of(cell);
            let Some(bare) = rows.first().cloned() else { continue };
            all.extend(self.variants.iter().zip(rows).map(|(name, row)| (cell, *name, row, bare.clone())));
        }
        all
    }

    /// Returns the same figures, and those of every round.
    pub(crate) fn json(&self) -> Value {
        let busy = self.rows(|cell| cell.busy.clone());
        let rows = busy.into_iter().zip(self.rows(latencies)).map(|((cell, name, rounds, _), (_, _, alone, _))| {
            json!({
                "workload": cell.workload.name,
                "without_proxy": round(&cell.limit),
                "variant": name,
                "rounds": rounds.iter().map(round).collect::<Vec<_>>(),
                "alone_ms": {
                    "first_byte_p50": alone.first_byte_p50,
                    "first_byte_later": alone.first_byte_later,
                    "p50": alone.p50,
                    "p99": alone.p99,
                },
            })
        });
        let memory: Value = self.variants.iter().zip(&self.memory).map(|(name, bytes)| (*name, *bytes)).collect();
        json!({"about": self.about, "rows": rows.collect::<Vec<_>>(), "memory_bytes": memory})
    }
}

/// Returns bytes in MiB.
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

pub(crate) fn round(busy: &Busy) -> Value {
    json!({
        "requests_per_second": busy.requests_per_second,
        "cpu_us_per_request": busy.cpu_us_per_request,
        "cpu_share": busy.cpu_share,
        "p50_ms": busy.p50_ms,
        "p99_ms": busy.p99_ms,
    })
}

/// Returns the median of a figure of each round and the same round of another variant, mostly bare Envoy.
pub(crate) fn paired_median(rounds: &[Busy], bare: &[Busy], figure: impl Fn(&Busy, &Busy) -> f64) -> f64 {
    median(rounds.iter().zip(bare).map(|(own, bare)| figure(own, bare)).collect())
}

pub(crate) fn medians(rounds: &[Busy]) -> Medians {
    let of = |figure: fn(&Busy) -> f64| median(rounds.iter().map(figure).collect());
    Medians {
        requests_per_second: of(|busy| busy.requests_per_second),
        cpu_us: of(|busy| busy.cpu_us_per_request),
        cpu_share: of(|busy| busy.cpu_share),
        p50_ms: of(|busy| busy.p50_ms),
        p99_ms: of(|busy| busy.p99_ms),
    }
}

/// Returns one row for each variant.
fn latencies(cell: &Cell) -> Vec<Latencies> {
    let bare = cell.alone.first().map(Vec::as_slice).unwrap_or_default();
    cell.alone.iter().map(|timings| latency(timings, bare)).collect()
}

fn latency(timings: &[Timing], bare: &[Timing]) -> Latencies {
    let first_bytes = sorted(timings.iter().map(|timing| timing.first_byte));
    let totals = sorted(timings.iter().map(|timing| timing.total));
    let later = timings
        .iter()
        .zip(bare)
        .map(|(own, bare)| (own.first_byte.as_secs_f64() - bare.first_byte.as_secs_f64()) * 1e3);
    Latencies {
        first_byte_p50: percentile(&first_bytes, 50),
        first_byte_later: median(later.collect()),
        p50: percentile(&totals, 50),
        p99: percentile(&totals, 99),
    }
}

fn sorted(times: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times
}

/// Returns the median; of an even number, the upper of the two.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_round_does_not_move_the_median() {
        assert_eq!(median(vec![2.0, 900.0, 1.0]), 2.0);
    }

    #[test]
    fn rates_are_compared_in_pairs() {
        let busy = |requests_per_second| Busy { requests_per_second, ..Busy::default() };
        // The machine becomes slower for both; the ratio stays, where that of the medians would be 0.8.
        let (bare, own) = ([100.0, 50.0, 10.0].map(busy), [50.0, 40.0, 5.0].map(busy));
        let ratio = paired_median(&own, &bare, |own, bare| own.requests_per_second / bare.requests_per_second);
        assert!((ratio - 0.5).abs() < 1e-6);
    }

    #[test]
    fn latencies_are_compared_in_pairs() {
        let timing = |ms| Timing { first_byte: Duration::from_millis(ms), total: Duration::from_millis(ms) };
        // The machine becomes slower for both; the difference stays.
        let (bare, own) = ([1, 10, 100].map(timing), [3, 12, 102].map(timing));
        assert!((latency(&own, &bare).first_byte_later - 2.0).abs() < 1e-6);
    }
}
