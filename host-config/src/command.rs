//! What the command line offers. Results go to standard output, everything else to standard error.

mod check;
mod guard;
mod keys;
mod render;

use clap::{Parser, Subcommand};
use headgate::{Compiled, compile, diagnostic, shape};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Checks a gateway.yaml, renders it for a proxy, makes keys.
#[derive(Debug, Parser)]
#[command(name = "headgate", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Report every problem of a gateway.yaml at once.
    Check(check::Check),
    /// Write the configuration of a proxy.
    #[command(subcommand)]
    Render(render::Render),
    /// Virtual keys.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Guardrails.
    #[command(subcommand)]
    Guard(guard::Guard),
    /// Print the JSON Schema of gateway.yaml, for editors.
    Schema,
    /// Print the reference page of gateway.yaml, Markdown.
    Reference,
}

/// Why a command failed: what to print on standard error.
type Failure = String;

/// Runs the command; 0 if it did what was asked, 1 if not, 2 for arguments that make no sense.
pub(crate) fn run() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Render(render::Render::Envoy(arguments)) => render::envoy(&arguments),
        Command::Keys(keys::Keys::New(arguments)) => keys::new(&arguments),
        Command::Guard(guard::Guard::Test(arguments)) => guard::test(&arguments),
        Command::Schema => print(&format!("{:#}\n", shape::json_schema())),
        Command::Reference => print(&shape::reference()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // There is nowhere left to report that standard error is closed.
            let _ = std::io::stderr().write_all(failure.as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> Result<(), Failure> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| format!("standard output: {error}\n"))
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| format!("{}: {error}\n", file.display()))
}

/// Compiles a file for a command that needs it to be free of errors.
fn load(file: &Path) -> Result<Compiled, Failure> {
    compile(&read(file)?, &file.display().to_string(), now()).map_err(|problems| diagnostic::text(&problems))
}

#[allow(
    clippy::disallowed_methods,
    reason = "the command owns the clock; everything below gets the time as an argument"
)]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
