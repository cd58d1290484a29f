//! The commands on the logs and their key.

use super::{StoreArgs, public_key};
use clap::Subcommand;
use headgate_collector_tree::VerifyingKey;

fn boxed_key(text: &str) -> Result<Box<VerifyingKey>, String> {
    public_key(text).map(Box::new)
}

/// `log-key …`.
#[derive(Debug, Subcommand)]
pub enum LogKeyCommand {
    /// Print a new key, and the public keys of both logs
    #[command(after_help = "\
The line `log_key=…` is the secret: put it in the environment of the service as HEADGATE_COLLECTOR_LOG_KEY, or in a file that
only its user may read, with --log-key file:PATH. Give the lines `requests_key=…` and `audit_key=…` to the verifiers of the logs.")]
    New {
        /// The first part of the logs' names, a URL without its scheme; it is never changed
        #[arg(long, value_name = "NAME")]
        name: String,
        /// Make the key of a witness instead; see `witness`
        #[arg(long)]
        witness: bool,
    },
    /// Let another key sign from now on; the one before signs beside it for 30 days
    #[command(after_help = "\
First give the service both keys and restart it: the new one as `log_key`, the present one as `former_log_key`. Then run this.
The new key must have the name of the present one. Example:
  headgate-collector log-key new --name logs.example.com/headgate
  headgate-collector log-key rotate --data /var/lib/headgate --public-key KEY")]
    Rotate {
        /// The place of the records.
        #[command(flatten)]
        place: StoreArgs,
        /// The public key of the new key, the line `public_key=` of `log-key new`
        #[arg(long, value_name = "KEY", value_parser = boxed_key)]
        public_key: Box<VerifyingKey>,
    },
}

/// `log …`.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Begin both logs anew under another name; all entries stay
    #[command(after_help = "\
For a database that is older than a witness remembers, a tree that was changed, or a key that was stolen. The first entry under
the new name says why, by whom, and has the last checkpoints under the old one. Give the new public keys to all verifiers and
witnesses. Without --public-key, the present key signs on under the next name: NAME/2 after NAME.")]
    Restart {
        /// The place of the records.
        #[command(flatten)]
        place: StoreArgs,
        /// The reason, for the audit log
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Another key, with another name; the service needs it as `log_key`
        #[arg(long, value_name = "KEY", value_parser = boxed_key)]
        public_key: Option<Box<VerifyingKey>>,
    },
}
