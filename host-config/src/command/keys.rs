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
    #[arg(long)]
    id: String,
    /// Who it belongs to.
    #[arg(long)]
    owner: Option<String>,
    /// Name of a team of gateway.yaml.
    #[arg(long)]
    team: Option<String>,
}

pub(crate) fn new(arguments: &New) -> Result<(), Failure> {
    let New { id, owner, team } = arguments;
    fits("--id", Scalar::Name, Some(id))?;
    fits("--owner", Scalar::Text, owner.as_ref())?;
    fits("--team", Scalar::Name, team.as_ref())?;
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| format!("no randomness to be had: {error}\n"))?;
    let key = virtual_key::key(&random);
    let entry = virtual_key::entry(&key, id, owner.as_deref(), team.as_deref());
    print(&format!(
        "# The key. It is shown this once; give it to its owner.\n{key}\n\n# The entry under `keys` of gateway.yaml.\n{entry}\n"
    ))
}

fn fits(argument: &str, kind: Scalar, value: Option<&String>) -> Result<(), Failure> {
    let Some(value) = value else { return Ok(()) };
    kind.check(value).map_err(|wrong| format!("{argument}: {}; {}\n", wrong.message, wrong.help))
}
