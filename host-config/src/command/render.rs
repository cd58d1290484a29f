//! `headgate render`.

use super::place::Place;
use super::{Failure, load, warn};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Render {
    /// For Envoy: a bootstrap and the files it watches.
    Envoy(Envoy),
}

#[derive(Debug, Args)]
pub(crate) struct Envoy {
    /// The gateway.yaml.
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

pub(crate) fn envoy(arguments: &Envoy) -> Result<(), Failure> {
    let compiled = load(&arguments.file)?;
    warn(&compiled);
    arguments.place.render(&compiled)?.write()
}
