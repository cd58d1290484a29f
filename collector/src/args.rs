//! The command line.

use crate::store::Role;
use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Getting started:
  headgate-collector init --data /var/lib/headgate            prints the first owner token, once
  headgate-collector token new --data /var/lib/headgate --role ingest
                                                              prints a token for the proxies
  headgate-collector serve --data /var/lib/headgate           serves on 127.0.0.1:4180

  curl -H 'Authorization: Bearer OWNER_TOKEN' 'http://127.0.0.1:4180/v1/requests?status_class=5xx&limit=10'

A container needs no init: give serve the tokens as HEADGATE_INGEST_TOKEN and HEADGATE_OWNER_TOKEN.";

/// Keeps the request log of Headgate's data planes: takes their batches, stores them durably, answers queries.
#[derive(Debug, Parser)]
#[command(name = "headgate-collector", version, after_help = AFTER_HELP)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until SIGTERM or Ctrl-C; open requests are finished first
    #[command(after_help = "\
Prints one line, `listening on http://ADDRESS`, once it can be reached.

Routes:
  POST /v1/ingest/requests   a batch of records (role ingest)
  GET  /v1/requests          the request log, filtered, in pages (role viewer, auditor, admin or owner)
  GET  /v1/requests/{id}     one record
  GET  /v1/usage, /v1/usage.csv
                             requests, tokens, cost and latency by hour, day, week or month in any time zone, and by
                             key, owner, team, project, environment, surface, models, provider or status
                             (role viewer, auditor, admin or owner)
  GET  /v1/gaps              records that are missing (state=open), or came late (state=closed)
  POST /v1/limits/sync       a proxy's report for limits and budgets (role ingest)
  GET  /v1/limits, /v1/budgets
                             what is used of each, by subject, in pages (role viewer, auditor, admin or owner)
  GET  /v1/requests/facets   exact total of what is filtered, and how it spreads over values
  GET  /v1/requests.json, /v1/requests.ndjson, /v1/requests.csv
                             all of what is filtered, streamed
  POST /v1/heartbeat         what a worker of a data plane says of itself (role ingest)
  GET  /v1/dataplanes        data planes, what they run, and which are silent
  POST /v1/audit             audit entries of another system (role ingest)
  GET  /v1/audit             the audit log, filtered, in pages (role auditor, admin or owner)
  GET  /v1/audit/{id}        one entry
  GET PUT /v1/policy         the policy in force; PUT takes a gateway.yaml (role admin or owner) with
                             If-Match: \"N\", the revision it was made from, or If-None-Match: * for the first
  GET  /v1/policy/revisions, /v1/policy/{rev}, /v1/policy/{rev}/diff?from=REV
                             revisions and what they changed (role auditor, admin or owner)
  GET  /v1/policy/{rev}/gateway.yaml, POST /v1/policy/rollback
                             one as it was written; puts one in force again (role admin or owner)
  GET  /v1/requests/{id}/policy
                             the policy that a request ran under, and what had changed before it
  GET POST /v1/tokens, DELETE /v1/tokens/{id}
                             who may do what (role owner)
  GET  /v1/damage            entries of both logs that are altered or lost (role auditor, admin or owner)
  GET  /healthz /readyz /metrics

Environment, beside the options' own:
  HEADGATE_INGEST_TOKEN   a token of role ingest, valid while this process runs
  HEADGATE_OWNER_TOKEN    a token of role owner, likewise
  those that a budget's `webhook` names, with the address to tell of thresholds that are crossed")]
    Serve {
        /// Address to listen on; port 0 takes a free one
        #[arg(long, value_name = "ADDRESS", env = "HEADGATE_COLLECTOR_LISTEN", default_value = "127.0.0.1:4180")]
        listen: SocketAddr,
        /// Folder of the database; made if it is missing
        #[arg(long, value_name = "DIR", env = "HEADGATE_COLLECTOR_DATA")]
        data: PathBuf,
        /// Seconds to go on serving after SIGTERM while `/readyz` says no, so that load balancers leave first
        #[arg(long, value_name = "SECONDS", env = "HEADGATE_COLLECTOR_SHUTDOWN_DELAY", default_value_t = 0)]
        shutdown_delay: u16,
        /// Seconds that open requests then have to end; a second signal ends at once
        #[arg(long, value_name = "SECONDS", env = "HEADGATE_COLLECTOR_SHUTDOWN_TIME", default_value_t = 10)]
        shutdown_time: u16,
    },
    /// Copy the database into one file, checked and consistent, also while the service runs
    #[command(after_help = "\
Holds up neither ingest nor queries. Prints `backup=FILE requests=N audit=N bytes=N`: the places of the last entries that are
in it. The file holds both logs and all tokens' hashes: keep it as you keep the folder.

Example, daily:
  headgate-collector backup --data /var/lib/headgate --out /backup/headgate-$(date +%F).db")]
    Backup {
        /// Folder of the database
        #[arg(long, value_name = "DIR", env = "HEADGATE_COLLECTOR_DATA")]
        data: PathBuf,
        /// File to write; must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Put a backup in place of the database, once it is known to be sound; the service must be stopped
    #[command(after_help = "\
What was there is kept beside it under another name. Proxies send again what they still hold; what is there already is
stored once.

Example:
  systemctl stop headgate-collector
  headgate-collector restore --in /backup/headgate-2026-01-31.db --data /var/lib/headgate --replace
  systemctl start headgate-collector")]
    Restore {
        /// The backup
        #[arg(long = "in", value_name = "FILE")]
        from: PathBuf,
        /// Folder to restore into; made if it is missing
        #[arg(long, value_name = "DIR", env = "HEADGATE_COLLECTOR_DATA")]
        data: PathBuf,
        /// Restore also into a folder that is not empty
        #[arg(long)]
        replace: bool,
    },
    /// Make the database and print the first owner token as `owner_token=…`, once
    Init {
        /// Folder of the database; made if it is missing
        #[arg(long, value_name = "DIR", env = "HEADGATE_COLLECTOR_DATA")]
        data: PathBuf,
    },
    /// Look whether everything in the folder is what was stored, and print what is not; changes nothing
    #[command(after_help = "\
Works while the service runs and when it does not. Each line names one thing that is damaged: `requests 17` is the entry at
position 17 of the request log. Ends with 0 if all is well, with 1 if something is damaged or cannot be looked at.

A damaged database is made whole, as far as it can be, when the service starts.")]
    Check {
        /// Folder of the database
        #[arg(long, value_name = "DIR", env = "HEADGATE_COLLECTOR_DATA")]
        data: PathBuf,
    },
    /// Work on tokens
    #[command(subcommand)]
    Token(TokenCommand),
}

/// `token …`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Print a new token as `token=…`, once; works while the service runs
    New {
        /// Folder of the database
        #[arg(long, value_name = "DIR", env = "HEADGATE_COLLECTOR_DATA")]
        data: PathBuf,
        /// What the token allows
        #[arg(long, value_enum)]
        role: Role,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// Days until it is no longer valid; without it, it is valid until it is revoked
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
        expires_in: Option<u16>,
    },
    /// List all tokens, one a line: id, role, state, last use, name
    List {
        /// Folder of the database
        #[arg(long, value_name = "DIR", env = "HEADGATE_COLLECTOR_DATA")]
        data: PathBuf,
    },
    /// Make a token invalid from now on; works while the service runs
    Revoke {
        /// Folder of the database
        #[arg(long, value_name = "DIR", env = "HEADGATE_COLLECTOR_DATA")]
        data: PathBuf,
        /// The token's id, as `token list` shows it
        id: String,
    },
}
