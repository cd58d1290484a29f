//! `headgate keys`.

use crate::exit::Failure;
use crate::output::print;
use crate::virtual_key;
use clap::{Args, Subcommand};
use headgate_config::scalar::Scalar;

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key. It is printed once and not stored; only its SHA-256 goes into gateway.yaml.
    New(New),
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// Name of the key in records.
    #[arg(long, value_parser = name)]
    id: String,
    /// Person or service that it belongs to.
    #[arg(long, value_parser = words)]
    owner: Option<String>,
    /// Name of a team of gateway.yaml.
    #[arg(long, value_parser = name)]
    team: Option<String>,
}

pub(crate) fn new(arguments: &New) -> Result<(), Failure> {
    let New { id, owner, team } = arguments;
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| format!("no random numbers are available: {error}\n"))?;
    let key = virtual_key::key(&random);
    let entry = virtual_key::entry(&key, id, owner.as_deref(), team.as_deref());
    print(&format!(
        "# The key. It is printed only once; give it to its owner.\n{key}\n\n# The entry under `keys` of gateway.yaml.\n{entry}\n"
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
