//! `headgate guard`: shows the findings of guardrails before they are live.

mod input;
mod ndjson;
mod request;
mod scope;
mod show;

use crate::exit::Failure;
use crate::output::{print, say};
use crate::policy_file::load;
use clap::{Args, Subcommand};
use headgate_guardrails::Guard as Detectors;
use input::{open, unreadable};
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
All guardrails of the policy are applied to the text, whatever their `on` and `match`: a text has no direction and no key. Sizes,
`tools` and external checks are not applied, and nothing is masked or blocked. A note in the output says so (with --ndjson on
standard error).

Exit codes: 0 scanned, with or without findings; 1 the text or the policy cannot be read, or with --ndjson some lines; 2
invalid arguments.";

#[derive(Debug, Subcommand)]
pub(crate) enum Guard {
    /// Show the findings in a text, or in the strings of a JSON request.
    #[command(after_help = AFTER_HELP)]
    Test(Test),
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// A text or a JSON request; `-` is standard input, the default with --ndjson.
    #[arg(required_unless_present = "ndjson")]
    file: Option<PathBuf>,
    /// Use the guardrails of this policy instead of all built-in detectors.
    #[arg(long)]
    policy: Option<PathBuf>,
    /// Read a JSON object `{"id", "text"}` from each line, and write one `{"id", "findings"}` for each.
    #[arg(long)]
    ndjson: bool,
}

pub(crate) fn test(arguments: &Test) -> Result<(), Failure> {
    let (guard, note) = match &arguments.policy {
        Some(policy) => {
            let guardrails = load(policy)?.document.guardrails;
            let note = scope::note(&guardrails);
            let specs: Vec<_> = guardrails.into_iter().map(|guardrail| guardrail.detect).collect();
            (Detectors::compile(&specs).map_err(|error| format!("{}: {error}\n", policy.display()))?, note)
        }
        None => (Detectors::with_all_kinds(), String::new()),
    };
    let file = arguments.file.as_deref().unwrap_or(Path::new("-"));
    if arguments.ndjson {
        say(&note);
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
                let spelled = written.unescaped_text();
                let place = || request::path(&text, written.at());
                // Finding the path costs as much as parsing the body.
                let path = if guard.find(&spelled.text).is_empty() { String::new() } else { place() };
                show::findings(&guard, &path, &spelled.text, colour)
            };
            found.texts.iter().map(one).collect()
        }
    };
    let shown = if shown.is_empty() { "nothing found\n" } else { &shown };
    print(&format!("{shown}{note}"))
}
