//! `headgate check`.

use crate::exit::Failure;
use crate::output::print;
use crate::policy_file::{Problems, compiled, source};
use clap::{Args, ValueEnum};
use headgate_config::diagnostic::{self, Diagnostic, Severity};
use std::path::PathBuf;

pub(super) const AFTER_HELP: &str = "\
Exit codes: 0 no errors; 1 errors, or the file cannot be read, or with --env a variable is not set; 2 invalid arguments.";

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The gateway.yaml.
    file: PathBuf,
    /// Format of the problems.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Also check that the environment variables in it are set here.
    #[arg(long)]
    env: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(crate) fn run(arguments: &Check) -> Result<(), Failure> {
    let name = arguments.file.display().to_string();
    let (problems, variables) = match source(&arguments.file).and_then(|source| compiled(&source, &name)) {
        Ok(compiled) => (compiled.warnings, compiled.settings.environment_variables),
        Err(Problems::Found(problems)) => (problems, Default::default()),
        Err(Problems::Unread(failure)) => return Err(failure),
    };
    let unset =
        variables.into_iter().filter(|name| arguments.env && std::env::var_os(name).is_none_or(|v| v.is_empty()));
    let unset: Vec<String> = unset.collect();
    print(&show(&problems, arguments.format))?;
    if !unset.is_empty() {
        return Err(format!("not set in this environment: {}. Set them for the proxy's process.\n", unset.join(", ")));
    }
    match problems.iter().any(|problem| problem.severity == Severity::Error) {
        true => Err(String::new()),
        false => Ok(()),
    }
}

fn show(problems: &[Diagnostic], format: Format) -> String {
    match format {
        Format::Text => diagnostic::text(problems),
        Format::Json => diagnostic::json(problems),
    }
}
