//! One run from the first process to the last figure.

use crate::Outcome;
use crate::args::Args;
use crate::children::{Child, Scratch};
use crate::cores::Cores;
use crate::load::{alone, busy};
use crate::report::{Cell, Report};
use crate::variant::{GUARDED, HEADGATE, INGEST_TOKEN, Site, Variant};
use crate::workload::{self, Workload};
use crate::{evidence, stub};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

pub(crate) async fn run(args: &Args) -> Outcome {
    let cores = Cores::divide()?;
    cores.leave_envoy_alone()?;
    let scratch = Scratch::new()?;
    let workloads = chosen(args)?;
    let (process, provider) = Child::start_listening(Command::new(&args.provider).arg("--fast"))?;
    let direct = Variant::provider(process, provider);
    let (_collector, collector) = start_collector(args, &scratch).await?;
    let site = Site { args, cores: &cores, scratch: &scratch, provider, collector };
    let variants = start(&site).await?;
    let mut report = Report::new(args, cores.describe(), &variants);
    for workload in &workloads {
        eprintln!("{}: {} rounds of {:?} on {} variants", workload.name, args.rounds, args.measure, variants.len());
        report.cells.push(measure(args, &direct, &variants, workload).await?);
    }
    println!("{}", report.markdown());
    let recorded = variants.iter().filter(|variant| [HEADGATE, GUARDED].contains(&variant.name));
    let answered = recorded.map(Variant::answered).sum();
    if answered > 0 {
        let stored = evidence::wait_for(answered, collector).await?;
        println!("{answered} requests went through Headgate, {stored} records were stored.");
    }
    if let Some(file) = &args.json {
        std::fs::write(file, format!("{:#}\n", report.json()))?;
    }
    Ok(())
}

fn chosen(args: &Args) -> Outcome<Vec<Arc<Workload>>> {
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|word| name.contains(word.as_str()));
    let chosen: Vec<_> = workload::all().into_iter().filter(|workload| wanted(workload.name)).collect();
    if chosen.is_empty() { Err("--only leaves nothing to measure".into()) } else { Ok(chosen) }
}

async fn start_collector(args: &Args, scratch: &Scratch) -> Outcome<(Option<Child>, SocketAddr)> {
    let Some(program) = &args.collector else {
        return Ok((None, stub::start().await?));
    };
    let mut command = Command::new(program);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(scratch.path("collector"));
    let (child, address) = Child::start_listening(command.env("HEADGATE_INGEST_TOKEN", INGEST_TOKEN))?;
    Ok((Some(child), address))
}

/// Bare Envoy first: everything is compared with it.
async fn start(site: &Site<'_>) -> Outcome<Vec<Variant>> {
    let mut variants = vec![site.plain("bare", None)?];
    if let Some(wasm) = &site.args.empty_wasm {
        variants.push(site.plain("empty filter", Some(wasm))?);
    }
    if let (Some(command), Some(wasm)) = (&site.args.headgate, &site.args.wasm) {
        for name in [HEADGATE, GUARDED] {
            variants.push(site.headgate(name, command, wasm)?);
        }
    }
    let probe = workload::all().into_iter().next().ok_or("no workload")?;
    for variant in &mut variants {
        site.ready(variant, &probe).await?;
    }
    Ok(variants)
}

/// The variants in turn, round by round.
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
