//! One run, from the first process to the last figure.

use crate::Outcome;
use crate::args::Args;
use crate::ceiling::Filters;
use crate::children::{Child, Scratch};
use crate::cores::{Cores, resident};
use crate::limits::{self, Comparison};
use crate::load::{alone, busy};
use crate::report::{Cell, Report};
use crate::variant::{
    COUNTED, GUARDED, GUARDRAILS, HEADGATE, INGEST_TOKEN, LOGGED, NATIVE, NATIVE_GUARDED, OWNER_TOKEN, Site, Variant,
};
use crate::workload::{self, Workload};
use crate::{evidence, limits_table, memory, stub};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Headgate's configuration of Envoy with filters that do nothing.
const CEILINGS: [(&str, Filters); 3] =
    [("no filter", Filters::None), ("empty gate", Filters::Gate), ("empty gate and attempt", Filters::GateAndAttempt)];

pub(crate) async fn run(args: &Args) -> Outcome {
    let cores = Cores::divide()?;
    cores.leave_envoy_alone()?;
    let scratch = Scratch::new()?;
    let Chosen { workloads, comparisons, memory } = chosen(args)?;
    let (process, provider) = Child::start_listening(Command::new(&args.provider).arg("--fast"))?;
    let direct = Variant::provider(process, provider);
    let (_collector, collector) = start_collector(args, &scratch).await?;
    let site = Site { args, cores: &cores, scratch: &scratch, provider, collector, workers: 1 };
    let mut recorded = 0;
    let mut figures = json!({});
    if !workloads.is_empty() {
        figures = bodies(&site, &direct, &workloads, &mut recorded).await?;
    }
    let mut tables = Vec::new();
    for comparison in comparisons {
        tables.push(compare(&site, comparison, &mut recorded).await?);
    }
    if memory {
        tables.push(measure_memory(&site, &mut recorded).await?);
    }
    if let (Some(file), Some(figures)) = (&args.json, figures.as_object_mut()) {
        figures.insert("comparisons".into(), tables.into());
        std::fs::write(file, format!("{:#}\n", Value::Object(std::mem::take(figures))))?;
    }
    Ok(())
}

/// The parts of a run.
struct Chosen {
    workloads: Vec<Arc<Workload>>,
    comparisons: Vec<&'static Comparison>,
    memory: bool,
}

fn chosen(args: &Args) -> Outcome<Chosen> {
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|word| name.contains(word.as_str()));
    let workloads: Vec<_> = workload::all().into_iter().filter(|workload| wanted(workload.name)).collect();
    // Without a collector that counts, limits cannot be measured.
    let whole = args.headgate.is_some() && args.collector.is_some();
    let comparisons: Vec<_> = limits::ALL.iter().filter(|one| whole && wanted(one.name)).collect();
    let memory = args.headgate.is_some() && wanted(memory::NAME);
    let nothing = workloads.is_empty() && comparisons.is_empty() && !memory;
    if nothing { Err("--only leaves nothing to measure".into()) } else { Ok(Chosen { workloads, comparisons, memory }) }
}

/// Measures the workloads on all variants.
async fn bodies(site: &Site<'_>, direct: &Variant, workloads: &[Arc<Workload>], recorded: &mut u64) -> Outcome<Value> {
    let args = site.args;
    let variants = start(site).await?;
    let mut report = Report::new(args, site.cores.describe(), &variants);
    for workload in workloads {
        eprintln!("{}: {} rounds of {:?} on {} variants", workload.name, args.rounds, args.measure, variants.len());
        report.cells.push(measure(args, direct, &variants, workload).await?);
    }
    report.memory = variants.iter().map(|variant| resident(variant.pid())).collect::<Outcome<_>>()?;
    println!("{}", report.markdown());
    records(site, &variants, recorded).await?;
    Ok(report.json())
}

/// Measures one comparison of limits.
async fn compare(site: &Site<'_>, comparison: &Comparison, recorded: &mut u64) -> Outcome<Value> {
    eprintln!("{}: {} rounds of {:?}", comparison.name, site.args.rounds, site.args.measure);
    let shared = site.cores.shared();
    let cores = if comparison.workers > 1 { &shared } else { site.cores };
    let site = Site { cores, workers: comparison.workers, ..*site };
    let (rows, variants) = limits::measure(&site, comparison).await?;
    println!("{}", limits_table::markdown(comparison, &rows, site.cores));
    records(&site, &variants, recorded).await?;
    Ok(limits_table::json(comparison, &rows))
}

/// Measures the memory of Envoy.
async fn measure_memory(site: &Site<'_>, recorded: &mut u64) -> Outcome<Value> {
    let (rows, variants) = memory::measure(site).await?;
    println!("{}", memory::markdown(&rows));
    records(site, &variants, recorded).await?;
    Ok(memory::json(&rows))
}

/// Waits until every request through Headgate has its record, before its Envoy may end. `recorded` is the number of those
/// whose Envoys have ended.
async fn records(site: &Site<'_>, variants: &[Variant], recorded: &mut u64) -> Outcome {
    let through_headgate = variants.iter().filter(|variant| variant.headgate);
    let answered: u64 = through_headgate.map(Variant::answered).sum();
    if answered > 0 {
        let stored = evidence::wait_for(*recorded + answered, site.collector).await? - *recorded;
        println!("{answered} requests went through Headgate, {stored} records were stored.\n");
        *recorded += stored;
    }
    Ok(())
}

async fn start_collector(args: &Args, scratch: &Scratch) -> Outcome<(Option<Child>, SocketAddr)> {
    let Some(program) = &args.collector else {
        return Ok((None, stub::start().await?));
    };
    let mut command = Command::new(program);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(scratch.path("collector"));
    let tokens = [("HEADGATE_INGEST_TOKEN", INGEST_TOKEN), ("HEADGATE_OWNER_TOKEN", OWNER_TOKEN)];
    let (child, address) = Child::start_listening(command.envs(tokens))?;
    Ok((Some(child), address))
}

/// Starts bare Envoy first, with which everything is compared.
async fn start(site: &Site<'_>) -> Outcome<Vec<Variant>> {
    let args = site.args;
    let wanted = |name: &str| args.variants.is_empty() || args.variants.iter().any(|word| name.contains(word.as_str()));
    let mut variants = vec![site.plain("bare", None)?];
    if let Some(wasm) = args.empty_wasm.as_ref().filter(|_| wanted("empty filter")) {
        variants.push(site.plain("empty filter", Some(wasm))?);
    }
    for (name, filters) in CEILINGS.into_iter().filter(|(name, _)| wanted(name)) {
        variants.extend(site.ceiling(name, filters)?);
    }
    let policies = [(HEADGATE, ""), COUNTED, LOGGED, (GUARDED, GUARDRAILS)];
    for (name, added) in policies.into_iter().filter(|(name, _)| wanted(name)) {
        variants.extend(site.headgate(name, added)?);
    }
    for (name, added) in [(NATIVE, ""), (NATIVE_GUARDED, GUARDRAILS)].into_iter().filter(|(name, _)| wanted(name)) {
        variants.extend(site.headgate_of(args.native.as_deref(), name, added)?);
    }
    for proxied in crate::proxied::ALL.iter().filter(|one| wanted(one.name)) {
        variants.extend(site.proxied(proxied)?);
    }
    if args.compare.is_some() {
        variants.extend(site.headgate_of(args.compare.as_deref(), "compared", "")?);
    }
    let probe = workload::all().into_iter().next().ok_or("no workload")?;
    for variant in &mut variants {
        site.ready(variant, &probe).await?;
    }
    Ok(variants)
}

/// Measures the variants in turn, round by round.
async fn measure(args: &Args, direct: &Variant, variants: &[Variant], workload: &Arc<Workload>) -> Outcome<Cell> {
    let limit = busy(direct, workload, Duration::from_secs(1).min(args.measure)).await?;
    let mut cell = Cell::new(Arc::clone(workload), limit, variants.len());
    for _ in 0..args.rounds {
        for (variant, row) in variants.iter().zip(&mut cell.busy) {
            row.push(busy(variant, workload, args.measure).await?);
        }
        for (timings, row) in alone(variants, workload, args.measure / 2).await?.into_iter().zip(&mut cell.alone) {
            row.extend(timings);
        }
    }
    Ok(cell)
}
