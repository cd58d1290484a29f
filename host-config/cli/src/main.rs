//! The `headgate` command: checks, renders and applies a `gateway.yaml`, makes keys, imports prices, tests guardrails.

mod clock;
mod command;
mod deploy;
mod exit;
mod litellm;
mod output;
mod policy_file;
mod virtual_key;

fn main() -> std::process::ExitCode {
    command::run()
}
