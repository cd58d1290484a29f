//! The `headgate-collector` command. What it does stands in `args` and `service`.

use headgate_collector::{journal, service, settings};
use std::process::ExitCode;

fn main() -> ExitCode {
    match settings::parse().and_then(service::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            problem.lines().for_each(journal::line);
            ExitCode::FAILURE
        }
    }
}
