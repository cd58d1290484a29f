//! `headgate render`.

use super::output_dir::OutputDir;
use super::render_apisix::Apisix;
use crate::exit::Failure;
use crate::policy_file::{load, warn};
use clap::{Args, Subcommand};
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Exit codes: 0 written; 1 the policy has errors, or a running proxy cannot take it up, or the folder cannot be written; 2
invalid arguments.";

#[derive(Debug, Subcommand)]
pub(crate) enum Render {
    /// For Envoy: a bootstrap and the files it watches.
    #[command(after_help = AFTER_HELP)]
    Envoy(Envoy),
    /// For Apache APISIX 3.18 or newer, standalone: the filter as a global rule before `ai-proxy-multi`.
    #[command(after_help = AFTER_HELP)]
    Apisix(Apisix),
}

#[derive(Debug, Args)]
pub(crate) struct Envoy {
    /// The gateway.yaml.
    file: PathBuf,
    /// Write the parts for an Envoy that has a configuration of its own: YAML to paste, and the policy that it watches.
    #[arg(long)]
    fragments: bool,
    #[command(flatten)]
    output: OutputDir,
}

pub(crate) fn envoy(arguments: &Envoy) -> Result<(), Failure> {
    let compiled = load(&arguments.file)?;
    warn(&compiled);
    match arguments.fragments {
        true => arguments.output.render_fragments(&compiled)?.write(),
        false => arguments.output.render(&compiled)?.write(),
    }
}
