//! The `headgate-collector` command. What it does stands in `args` and `service`.

use clap::Parser;
use headgate_collector::{args::Args, journal, service};
use std::process::ExitCode;

fn main() -> ExitCode {
    match service::run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            journal::line(&problem);
            ExitCode::FAILURE
        }
    }
}
