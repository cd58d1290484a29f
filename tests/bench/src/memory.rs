//! Measures the memory of Envoy: at rest, after many requests, with many streams at a time, and with a policy of many keys.

use crate::Outcome;
use crate::cores::resident;
use crate::load::send;
use crate::report::mebibytes;
use crate::variant::{HEADGATE, NATIVE, Site, Variant};
use crate::workload::{self, Workload};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The word of `--only`.
pub(crate) const NAME: &str = "memory";
/// Requests after which memory is read. Less memory at the first of them than at the second would be a leak.
const REQUESTS: [usize; 2] = [100_000, 1_000_000];
/// Streams at a time, of some 100 ms each, and the number of them all.
const STREAMS: usize = 500;
const ALL_STREAMS: usize = 4_000;
/// Keys of the large policy, beside that of the benchmark.
const KEYS: usize = 100_000;
/// Interval between two looks at the memory while streams are open.
const LOOK: Duration = Duration::from_millis(50);

/// The memory of one variant, bytes.
pub(crate) struct MemoryRow {
    name: &'static str,
    idle: u64,
    after: [u64; 2],
    streams: u64,
    /// At rest, with the large policy.
    keys: Option<u64>,
}

/// Measures bare Envoy and both hosts of Headgate, one after the other. Returns the rows and the variants with records.
pub(crate) async fn measure(site: &Site<'_>) -> Outcome<(Vec<MemoryRow>, Vec<Variant>)> {
    let small = workload::all().into_iter().next().ok_or("no workload")?;
    let streams = workload::streams(STREAMS);
    let mut bare = site.plain("bare", None)?;
    let mut rows = vec![row(site, &mut bare, &small, &streams).await?];
    let mut variants = vec![bare];
    let (wasm, native) = (site.args.wasm.as_deref(), site.args.native.as_deref());
    for (name, with_keys, module) in [(HEADGATE, "keys", wasm), (NATIVE, "native-keys", native)] {
        let Some(mut variant) = site.headgate_of(module, name, "")? else { continue };
        let row = row(site, &mut variant, &small, &streams).await?;
        variants.push(variant);
        let keys = many_keys(site, module, with_keys, &small, &mut variants).await?;
        rows.push(MemoryRow { keys, ..row });
    }
    Ok((rows, variants))
}

/// Measures a variant with a small policy.
async fn row(
    site: &Site<'_>,
    variant: &mut Variant,
    small: &Arc<Workload>,
    streams: &Arc<Workload>,
) -> Outcome<MemoryRow> {
    site.ready(variant, small).await?;
    eprintln!("{NAME}: {}", variant.name);
    let idle = resident(variant.pid())?;
    let after = requests(variant, small).await?;
    Ok(MemoryRow { name: variant.name, idle, after, streams: highest(variant, streams).await?, keys: None })
}

/// Returns the memory after each number of requests.
async fn requests(variant: &Variant, workload: &Arc<Workload>) -> Outcome<[u64; 2]> {
    let [first, all] = REQUESTS;
    send(variant, workload, first).await?;
    let before = resident(variant.pid())?;
    send(variant, workload, all - first).await?;
    Ok([before, resident(variant.pid())?])
}

/// Returns the most memory that Envoy has while streams are open.
async fn highest(variant: &Variant, streams: &Arc<Workload>) -> Outcome<u64> {
    let mut sent = std::pin::pin!(send(variant, streams, ALL_STREAMS));
    let mut most = 0;
    loop {
        tokio::select! {
            done = &mut sent => return done.map(|()| most),
            () = tokio::time::sleep(LOOK) => most = most.max(resident(variant.pid())?),
        }
    }
}

/// Returns the memory at rest with the large policy.
async fn many_keys(
    site: &Site<'_>,
    module: Option<&Path>,
    name: &'static str,
    probe: &Workload,
    variants: &mut Vec<Variant>,
) -> Outcome<Option<u64>> {
    let keys = (0..KEYS).fold(String::from("\n"), |mut keys, number| {
        // Writing to a string cannot fail.
        let _ = writeln!(keys, "  - {{id: key-{number}, sha256: {number:064x}, owner: owner-{number}, team: search}}");
        keys
    });
    let Some(mut variant) = site.headgate_of(module, name, &keys)? else { return Ok(None) };
    site.ready(&mut variant, probe).await?;
    let bytes = resident(variant.pid())?;
    variants.push(variant);
    Ok(Some(bytes))
}

pub(crate) fn markdown(rows: &[MemoryRow]) -> String {
    let [first, all] = REQUESTS;
    let mut table = format!(
        "Memory of an Envoy with one worker, MiB.\n\n\
         | variant | at rest | after {first} requests | after {all} | {STREAMS} streams at a time | at rest, {KEYS} keys |\n\
         |---|--:|--:|--:|--:|--:|\n"
    );
    for MemoryRow { name, idle, after: [first, all], streams, keys } in rows {
        let figures = [idle, first, all, streams].map(|bytes| format!("{:.0}", mebibytes(*bytes)));
        let keys = keys.map_or_else(|| "–".to_owned(), |bytes| format!("{:.0}", mebibytes(bytes)));
        let _ = writeln!(table, "| {name} | {} | {keys} |", figures.join(" | "));
    }
    table
}

pub(crate) fn json(rows: &[MemoryRow]) -> Value {
    let row = |row: &MemoryRow| {
        json!({
            "variant": row.name,
            "idle_bytes": row.idle,
            "after_bytes": row.after,
            "streams_bytes": row.streams,
            "keys_bytes": row.keys,
        })
    };
    json!({"name": NAME, "rows": rows.iter().map(row).collect::<Vec<_>>()})
}
