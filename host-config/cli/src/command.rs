//! The command line. Results go to standard output, everything else to standard error.

mod apply;
mod cases;
mod check;
mod collector;
mod drain;
mod explain;
mod guard;
mod host;
mod keys;
mod native;
mod output_dir;
mod prices;
mod render;
mod render_apisix;
mod rollback;
mod wait;

use crate::exit::Stop;
use crate::output::{print, say};
use clap::{Parser, Subcommand};
use headgate_config::schema;
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Results go to standard output, everything else to standard error; nothing is coloured.

Exit codes: 0 success; 1 failure, with the reason on standard error; 2 invalid arguments. `apply` and `rollback` have
more: see their --help.";

/// Checks a gateway.yaml, renders or applies it, makes keys.
#[derive(Debug, Parser)]
#[command(name = "headgate", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Report every problem of a gateway.yaml at once.
    #[command(after_help = check::AFTER_HELP)]
    Check(check::Check),
    /// Play case files against a gateway.yaml, as in CI.
    #[command(after_help = cases::AFTER_HELP)]
    Test(cases::TestCases),
    /// Say in words which decisions a gateway.yaml makes on a request.
    #[command(after_help = explain::AFTER_HELP)]
    Explain(explain::Explain),
    /// Put a gateway.yaml in force: at the collector, in a proxy's files, on every data plane.
    #[command(after_help = apply::AFTER_HELP)]
    Apply(apply::Apply),
    /// Show the changes that applying a gateway.yaml would make.
    #[command(after_help = apply::AFTER_DIFF)]
    Diff(apply::Diff),
    /// Restore an earlier revision.
    #[command(after_help = rollback::AFTER_HELP)]
    Rollback(rollback::Rollback),
    /// Write the configuration of a proxy.
    #[command(subcommand)]
    Render(render::Render),
    /// Let a proxy finish its requests and deliver its records before it is stopped.
    #[command(after_help = drain::AFTER_HELP)]
    Drain(drain::Drain),
    /// Virtual keys.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Prices.
    #[command(subcommand)]
    Prices(prices::Prices),
    /// Guardrails.
    #[command(subcommand)]
    Guard(guard::Guard),
    /// Print the JSON Schema of gateway.yaml, for editors.
    Schema,
    /// Print the reference page of gateway.yaml, Markdown.
    Reference,
}

/// Runs the command. The exit code is 0 for success, 1 for failure, 2 for invalid arguments, and others for `apply` and
/// `rollback`.
pub(crate) fn run() -> ExitCode {
    match dispatch(&Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            say(&stop.text);
            ExitCode::from(stop.code)
        }
    }
}

fn dispatch(command: &Command) -> Result<(), Stop> {
    match command {
        Command::Apply(arguments) => return apply::apply(arguments),
        Command::Diff(arguments) => return apply::diff(arguments),
        Command::Rollback(arguments) => return rollback::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Test(arguments) => cases::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Render(render::Render::Envoy(arguments)) => render::envoy(arguments),
        Command::Render(render::Render::Apisix(arguments)) => render_apisix::run(arguments),
        Command::Drain(arguments) => drain::run(arguments),
        Command::Keys(keys::Keys::New(arguments)) => keys::new(arguments),
        Command::Prices(prices::Prices::Import(arguments)) => prices::import(arguments),
        Command::Guard(guard::Guard::Test(arguments)) => guard::test(arguments),
        Command::Schema => print(&format!("{:#}\n", schema::json_schema())),
        Command::Reference => print(&schema::reference()),
    }?;
    Ok(())
}
