//! `headgate render apisix`.

use crate::deploy;
use crate::exit::Failure;
use crate::output::say;
use crate::policy_file::{compiled, source};
use clap::Args;
use headgate_config::diagnostic::{self, Severity};
use headgate_config::render;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Apisix {
    /// The gateway.yaml.
    file: PathBuf,
    /// Folder to write to: `config.yaml`, to be merged into APISIX's own, and `apisix.yaml`.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Path of headgate.wasm as APISIX sees it.
    #[arg(long, value_name = "PATH")]
    wasm: PathBuf,
}

pub(crate) fn run(arguments: &Apisix) -> Result<(), Failure> {
    let name = arguments.file.display().to_string();
    let source = source(&arguments.file)?;
    let compiled = compiled(&source, &name)?;
    let mut problems = compiled.warnings.clone();
    problems.extend(source.placed(render::apisix_obstacles(&source.text, &name)));
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(diagnostic::text(&problems));
    }
    if !problems.is_empty() {
        say(&diagnostic::text(&problems));
    }
    let files = render::apisix(&compiled, &arguments.wasm);
    std::fs::create_dir_all(&arguments.out)
        .and_then(|()| deploy::write(&arguments.out, &files))
        .map_err(|error| format!("{}: {error}. Check that the folder can be written.\n", arguments.out.display()))
}
