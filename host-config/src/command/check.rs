//! `headgate check`.

use super::{Failure, Problems, compiled, print, source};
use clap::{Args, ValueEnum};
use headgate::diagnostic::{self, Diagnostic, Severity};
use std::path::PathBuf;

pub(super) const AFTER_HELP: &str = "\
Exit codes: 0 it can be applied, warnings or not; 1 it has errors, or cannot be read, or with --env a variable is not set;
2 the arguments make no sense.";

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The gateway.yaml.
    file: PathBuf,
    /// How problems are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Also see whether the environment variables it names are set here.
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
