//! `headgate render`.

use super::{Failure, load};
use clap::{Args, Subcommand};
use headgate::render::{self, RenderOptions};
use headgate::{deploy, diagnostic};
use std::io::Write as _;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(crate) enum Render {
    /// For Envoy: a bootstrap and the files it watches.
    Envoy(Envoy),
}

#[derive(Debug, Args)]
pub(crate) struct Envoy {
    /// The gateway.yaml.
    file: PathBuf,
    /// Folder to write to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// headgate.wasm as Envoy will see it.
    #[arg(long, value_name = "PATH")]
    wasm: PathBuf,
    /// The folder as Envoy will see it, if that is not DIR: inside a container, for example.
    #[arg(long, value_name = "PREFIX")]
    root: Option<PathBuf>,
    /// Go on where the proxy cannot take up the change by itself; it is restarted afterwards.
    #[arg(long)]
    restart: bool,
}

pub(crate) fn envoy(arguments: &Envoy) -> Result<(), Failure> {
    let compiled = load(&arguments.file)?;
    if !compiled.warnings.is_empty() {
        // Warnings are for people; a closed standard error does not stop the rendering.
        let _ = std::io::stderr().write_all(diagnostic::text(&compiled.warnings).as_bytes());
    }
    let root = absolute(arguments.root.as_deref().unwrap_or(&arguments.out))?;
    let options = RenderOptions { root, wasm: absolute(&arguments.wasm)? };
    let files = render::envoy(&compiled, &options);
    if let Some(reason) = deploy::needs_restart(&arguments.out, &files).filter(|_| !arguments.restart) {
        return Err(format!(
            "{reason}, which a running proxy cannot take up. Nothing was written. Render with --restart and restart the proxy.\n"
        ));
    }
    deploy::roll_out(&arguments.out, &files).map_err(|error| format!("{error}\n"))
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}\n", path.display()))
}
