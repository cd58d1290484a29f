//! `headgate guard`: what guardrails find, before they are live.

mod ndjson;
mod request;
mod show;

use super::{Failure, load, print};
use clap::{Args, Subcommand};
use headgate_guardrails::{DetectorSpec, Guard as Compiled};
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Exit codes: 0 looked through, whether anything was found or not; 1 the text or the policy cannot be read, or with --ndjson
some lines; 2 the arguments make no sense.";

#[derive(Debug, Subcommand)]
pub(crate) enum Guard {
    /// Show what is found in a text, or in the strings of a JSON request.
    #[command(after_help = AFTER_HELP)]
    Test(Test),
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// A text or a JSON request; `-` is standard input, and so is no FILE with --ndjson.
    #[arg(required_unless_present = "ndjson")]
    file: Option<PathBuf>,
    /// Use the guardrails of this policy; without it every built-in detector looks.
    #[arg(long)]
    policy: Option<PathBuf>,
    /// Read a JSON object `{"id", "text"}` from each line, and write one `{"id", "findings"}` for each.
    #[arg(long)]
    ndjson: bool,
}

pub(crate) fn test(arguments: &Test) -> Result<(), Failure> {
    let guard = match &arguments.policy {
        Some(policy) => {
            Compiled::compile(&specs(policy)?).map_err(|error| format!("{}: {error}\n", policy.display()))?
        }
        None => Compiled::with_all_kinds(),
    };
    let file = arguments.file.as_deref().unwrap_or(Path::new("-"));
    if arguments.ndjson {
        return ndjson::run(&guard, file, arguments.policy.is_some());
    }
    let mut bytes = Vec::new();
    open(file)?.read_to_end(&mut bytes).map_err(|error| unreadable(file, &error))?;
    let text = String::from_utf8_lossy(&bytes);
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let shown = match request::texts(&text) {
        None => show::findings(&guard, "", &text, colour),
        Some(found) => {
            let one = |written: &headgate_exchange::WrittenText<'_>| {
                let spelled = written.spelled();
                let place = || request::path(&text, written.at());
                // The path costs as much as reading the body.
                let path = if guard.find(&spelled.text).is_empty() { String::new() } else { place() };
                show::findings(&guard, &path, &spelled.text, colour)
            };
            found.texts.iter().map(one).collect()
        }
    };
    print(if shown.is_empty() { "nothing found\n" } else { &shown })
}

/// The guardrails of a gateway.yaml, whomever they are for.
fn specs(file: &Path) -> Result<Vec<DetectorSpec>, Failure> {
    Ok(load(file)?.document.guardrails.into_iter().map(|guardrail| guardrail.detect).collect())
}

fn open(file: &Path) -> Result<Box<dyn std::io::Read>, Failure> {
    if file == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let opened = std::fs::File::open(file).map_err(|error| unreadable(file, &error))?;
    Ok(Box::new(opened))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    format!("{} cannot be read: {error}\n", file.display())
}
