//! The options of `packet`.

use super::{StoreArgs, public_key};
use crate::log_key::LogKeySource;
use headgate_collector_tree::VerifyingKey;
use std::path::PathBuf;

/// Says how the command is used.
pub(super) const AFTER_HELP: &str = "\
Works while the service runs and when it does not. Prints `packet=FILE records=N bytes=N sha256=SUM`. A packet is made whole or
not at all; the audit log notes it. It shows the state of the newest checkpoint, and is signed with the log key if that is given.

  headgate-collector packet --data /var/lib/headgate --from 2026-01-01 --to 2026-02-01 --log-key file:/etc/headgate/log.key \\
      --out january.zip";

/// `packet`.
#[derive(Debug, clap::Args)]
pub struct PacketOptions {
    /// The place of the records.
    #[command(flatten)]
    pub place: StoreArgs,
    /// Beginning of the period: a day of UTC or RFC 3339, a full quarter of an hour
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// End of the period, exclusive
    #[arg(long, value_name = "TIME")]
    pub to: String,
    /// File to write; must not exist
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Filter on records, as `GET /v1/requests` has them; with any, the packet is filtered and not whole
    #[arg(long, value_name = "NAME=VALUE")]
    pub filter: Vec<String>,
    /// Section: requests, audit, usage, policies, access; all without it
    #[arg(long, value_name = "NAME")]
    pub section: Vec<String>,
    /// Id of the record of the sample trace
    #[arg(long, value_name = "ID")]
    pub sample_request: Option<String>,
    /// Field to replace by pseudonyms, such as owner or end_user
    #[arg(long, value_name = "FIELD")]
    pub redact: Vec<String>,
    /// Largest packet, MiB
    #[arg(long, value_name = "MIB", default_value_t = 10_240)]
    pub max_mib: u32,
    /// Key that signs, as with `serve`
    #[arg(long, value_name = "KEY", env = "HEADGATE_COLLECTOR_LOG_KEY", hide_env_values = true, value_parser = LogKeySource::parse)]
    pub log_key: Option<LogKeySource>,
    /// Public key of the log key; needed with exec:
    #[arg(long, value_name = "KEY", env = "HEADGATE_COLLECTOR_LOG_PUBLIC_KEY", value_parser = public_key)]
    pub log_public_key: Option<VerifyingKey>,
}
