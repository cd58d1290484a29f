//! The options of `witness`.

use super::public_key;
use crate::witness_key::WitnessKeySource;
use headgate_collector_tree::VerifyingKey;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The text of `witness --help` beside its options.
pub(super) const AFTER_HELP: &str = "\
A department that does not administer the collector runs it, on a machine of its own. It keeps the newest checkpoint of each log, and
confirms another one only with the proof that the log has just grown. Two trees of one log are refused, and kept in STATE.evidence.
It speaks HTTP (c2sp.org/tlog-witness); put a proxy with TLS before it.

  headgate-collector log-key new --witness --name audit.example.com
      the line `witness_key=` is the secret; the collector gets the line `public_key=` as `vkey` in its settings
  headgate-collector witness --init --state witness.json --key file:witness.key --log REQUESTS_KEY --log AUDIT_KEY
      the first time; later without --init. A witness that has lost its state must not go on: give it a new key";

/// `witness`.
#[derive(Debug, clap::Args)]
pub struct WitnessOptions {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", env = "HEADGATE_WITNESS_LISTEN", default_value = "127.0.0.1:4190")]
    pub listen: SocketAddr,
    /// Key of the witness: file:PATH or, in this variable alone, the key itself
    #[arg(long, value_name = "KEY", env = "HEADGATE_WITNESS_KEY", hide_env_values = true, value_parser = WitnessKeySource::parse)]
    pub key: WitnessKeySource,
    /// Public key of a log; several logs, or several keys of one, may be named
    #[arg(long, value_name = "KEY", required = true, value_parser = public_key)]
    pub log: Vec<VerifyingKey>,
    /// File in which the newest checkpoints are kept
    #[arg(long, value_name = "FILE", env = "HEADGATE_WITNESS_STATE")]
    pub state: PathBuf,
    /// Make the file, for a key that has never confirmed anything
    #[arg(long)]
    pub init: bool,
}
