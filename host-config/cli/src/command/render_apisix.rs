//! `headgate render apisix`.

use super::host::Host;
use crate::deploy;
use crate::exit::Failure;
use crate::policy_file::{compiled, source, warn};
use clap::Args;
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
    /// Write documents for the Admin API in the place of `apisix.yaml`: one for each resource, at its path there.
    #[arg(long)]
    admin_api: bool,
}

pub(crate) fn run(arguments: &Apisix) -> Result<(), Failure> {
    let name = arguments.file.display().to_string();
    let source = source(&arguments.file)?;
    let compiled = compiled(&source, &name)?;
    warn(&compiled);
    Host::Apisix.examine(&source, &name)?;
    let files = match arguments.admin_api {
        true => render::apisix_admin(&compiled, &arguments.wasm),
        false => render::apisix(&compiled, &arguments.wasm),
    };
    std::fs::create_dir_all(&arguments.out)
        .and_then(|()| deploy::write(&arguments.out, &files))
        .map_err(|error| format!("{}: {error}. Check that the folder can be written.\n", arguments.out.display()))
}
