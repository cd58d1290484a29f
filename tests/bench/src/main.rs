//! `headgate-bench`: puts the same load on bare Envoy, on Envoy with an empty filter, and on Envoy with Headgate: without
//! guardrails and with every detector, without limits and with many.
//!
//! Figures of different runs, or of variants one after the other, cannot be compared on a shared machine. So all variants
//! run at once, each cell is measured on all of them round by round, and medians are printed with their ratio to bare
//! Envoy of the same run. Envoy has one worker and its own core; generator, provider and collector share the others. One
//! failed request makes the whole run fail.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the tables and the progress are its output")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod args;
mod bootstrap;
mod ceiling;
mod children;
mod client;
mod cores;
mod counted;
mod evidence;
mod limits;
mod limits_table;
mod load;
mod memory;
mod proxied;
mod reply;
mod report;
mod run;
mod stub;
mod texts;
mod variant;
mod workload;

use std::error::Error;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// An error ends the run with one line.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match until_stopped().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("headgate-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Children are ended when `run` is dropped, so a signal must end it instead of the process.
async fn until_stopped() -> Outcome {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let args = args::Args::read()?;
    tokio::select! {
        done = run::run(&args) => done,
        _ = terminate.recv() => Err("stopped".into()),
        _ = interrupt.recv() => Err("stopped".into()),
    }
}
