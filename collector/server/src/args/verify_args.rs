//! The options of `verify`.

use super::{StoreArgs, public_key};
use headgate_collector_tree::VerifyingKey;
use std::path::PathBuf;

/// `verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyOptions {
    /// The place of the records.
    #[command(flatten)]
    pub place: StoreArgs,
    /// Address of a running collector, to verify it from outside
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// File in which the last checkpoints are kept, with --url
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Public key of the logs, NAME+ID+KEY
    #[arg(long, value_name = "KEY", value_parser = public_key)]
    pub public_key: Option<VerifyingKey>,
    /// Most tiles of 256 old entries that one look with --url compares with the tree; the next look goes on behind them
    #[arg(long, value_name = "NUMBER", default_value_t = 256)]
    pub tiles: u32,
    /// An evidence packet to verify instead, offline
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url", "state"])]
    pub packet: Option<PathBuf>,
    /// Public key of the logs, with --packet; several are accepted while a key is changed
    #[arg(long, value_name = "KEY", value_parser = public_key)]
    pub key: Vec<VerifyingKey>,
    /// Policy with the keys of logs and witnesses, and the witnesses that must have confirmed a checkpoint (c2sp.org/tlog-policy)
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Print one JSON object: `judgement`, `checks`, `more`
    #[arg(long)]
    pub json: bool,
}
