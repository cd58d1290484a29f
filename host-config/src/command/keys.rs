//! `headgate keys`.

use super::{Failure, print};
use clap::{Args, Subcommand};
use headgate::scalar::Scalar;
use headgate::virtual_key;

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key. It is shown once and kept nowhere; only its SHA-256 goes into gateway.yaml.
    New(New),
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// Name of the key in records.
    #[arg(long, value_parser = name)]
    id: String,
    /// Who it belongs to.
    #[arg(long, value_parser = words)]
    owner: Option<String>,
    /// Name of a team of gateway.yaml.
    #[arg(long, value_parser = name)]
    team: Option<String>,
}

pub(crate) fn new(arguments: &New) -> Result<(), Failure> {
    let New { id, owner, team } = arguments;
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| format!("no randomness to be had: {error}\n"))?;
    let key = virtual_key::key(&random);
    let entry = virtual_key::entry(&key, id, owner.as_deref(), team.as_deref());
    print(&format!(
        "# The key. It is shown this once; give it to its owner.\n{key}\n\n# The entry under `keys` of gateway.yaml.\n{entry}\n"
    ))
}

fn name(text: &str) -> Result<String, String> {
    fits(Scalar::Name, text)
}

fn words(text: &str) -> Result<String, String> {
    fits(Scalar::Text, text)
}

fn fits(kind: Scalar, text: &str) -> Result<String, String> {
    kind.check(text).map(|()| text.to_owned()).map_err(|wrong| format!("{}; {}", wrong.message, wrong.help))
}
