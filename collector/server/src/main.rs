//! The `headgate-collector` command; see `args` and `service`.

use headgate_collector::{log, service, settings};
use std::process::ExitCode;

fn main() -> ExitCode {
    log::start();
    match settings::parse().and_then(service::run) {
        Ok(code) => code,
        Err(problem) => {
            problem.lines().for_each(|line| tracing::error!("{line}"));
            ExitCode::FAILURE
        }
    }
}
