//! The command line.

mod log_args;
mod packet_args;
mod store_args;
mod verify_args;
mod witness_args;

use crate::log_key::LogKeySource;
use clap::{CommandFactory, Parser, Subcommand};
use headgate_collector_api::{Access, Route};
use headgate_collector_oidc::PublicUrl;
use headgate_collector_tree::VerifyingKey;
use headgate_collector_types::Role;
pub use log_args::{LogCommand, LogKeyCommand};
pub use packet_args::PacketOptions;
use std::net::SocketAddr;
use std::path::PathBuf;
pub use store_args::StoreArgs;
pub use verify_args::VerifyOptions;
pub use witness_args::WitnessOptions;

/// Names the file of settings if `--config` is absent.
pub const CONFIG_VARIABLE: &str = "HEADGATE_COLLECTOR_CONFIG";

const AFTER_HELP: &str = "\
Getting started:
  headgate-collector init --data /var/lib/headgate            prints the first owner token, once
  headgate-collector token new --data /var/lib/headgate --role ingest
                                                              prints a token for the proxies
  headgate-collector serve --data /var/lib/headgate           serves on 127.0.0.1:4180

  curl -H 'Authorization: Bearer OWNER_TOKEN' 'http://127.0.0.1:4180/v1/requests?status_class=5xx&limit=10'

Several collectors share a database of PostgreSQL: --store postgres://USER@HOST/DATABASE in place of --data.
  TLS is on unless HOST is this machine; ?sslrootcert=FILE names the authority that signed the server's certificate.
  HOST,HOST names a server and those that follow it; the one that takes writes is used.
  A password stands in HEADGATE_COLLECTOR_STORE or PGPASSWORD, or in the file of PGPASSFILE, which is read for each session.
  A pooler between must pool sessions, not transactions.

A container needs no init: give serve the tokens as HEADGATE_INGEST_TOKEN and HEADGATE_OWNER_TOKEN.

What each role may:
  ingest   deliver records, heartbeats, reports and other systems' audit entries; read nothing
  viewer   read the request log, usage, limits, budgets and data planes
  auditor  read the audit log too
  admin    change the policy too
  owner    manage tokens and retention too

Settings: options go before environment variables, these before the file, the file before defaults.
  /etc/headgate/collector.toml      listen = \"0.0.0.0:4180\"
                                    data = \"/var/lib/headgate\"
                                    log_format = \"json\"
  headgate-collector config check --config /etc/headgate/collector.toml
  headgate-collector config show                     what is in force, and where it comes from
  A key is an option of `serve` with `_` for `-`. The table [oidc] lets persons sign in at an identity provider; see
  docs/operate/sign-in.md. Secrets are named, never written: \"${NAME}\" is read from the environment.

Backup, restore, upgrade:
  headgate-collector backup --data DIR --out FILE    while it runs; copy FILE to another machine
  headgate-collector restore --in FILE --data DIR    into an empty folder, or with --replace
  To upgrade: back up, stop, replace the program, start. The database is brought forward at the first start, all of it or
  nothing; an older program refuses it from then on.
  After months without a collector, or with a backup of long ago, retention waits: an owner states the time with
  POST /v1/retention/clock, or it catches up by itself, a day a day.

The API is described at /openapi.json, the state of the process at /metrics, /healthz and /readyz.";

/// Keeps the request log of Headgate's data planes: takes their batches, stores them durably, answers queries.
#[derive(Debug, Parser)]
#[command(name = "headgate-collector", version, after_help = AFTER_HELP)]
pub struct Args {
    /// File of settings (TOML); options and environment go before it
    #[arg(long, global = true, value_name = "FILE", env = CONFIG_VARIABLE)]
    pub config: Option<PathBuf>,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

const ENVIRONMENT: &str = "\
Environment, beside the options' own:
  HEADGATE_INGEST_TOKEN   a token of role ingest, valid while this process runs
  HEADGATE_OWNER_TOKEN    a token of role owner, likewise
  those that a budget's `webhook` names, with the address to tell of thresholds that are crossed";

/// Lists the routes with the roles that may use them.
fn serve_help() -> String {
    let routes = headgate_collector_api::routes();
    let line = |route: &Route| {
        let roles: Vec<_> = route.access.roles().iter().map(|role| role.as_str()).collect();
        let who = if route.access == Access::Open { "anyone".to_owned() } else { roles.join(", ") };
        format!("  {:<6} {:<26} {} ({who})\n", route.method, route.path, route.about)
    };
    let routes: String = routes.iter().map(line).collect();
    format!(
        "Prints one line, `listening on http://ADDRESS`, once it can be reached.\n\n\
         Routes, and the roles that may use them:\n{routes}\n{ENVIRONMENT}"
    )
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until SIGTERM or Ctrl-C; open requests are finished first
    #[command(after_help = serve_help())]
    Serve(ServeOptions),
    /// Check the settings, or show them with where each comes from
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Copy a folder's database into one file, checked and consistent, also while the service runs
    #[command(after_help = "\
Holds up neither ingest nor queries. Prints `backup=FILE requests=N audit=N bytes=N`: the places of the last entries that are
in it. The file holds both logs and all tokens' hashes: keep it as you keep the folder. A database of PostgreSQL is backed up
with its own tools, such as pg_dump or pg_basebackup.

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
        /// The place of the records.
        #[command(flatten)]
        place: StoreArgs,
    },
    /// Compare everything in the folder with its hashes, and print the differences; changes nothing
    #[command(after_help = "\
Works while the service runs and when it does not. Each line names one thing that is damaged: `requests 17` is the entry at
position 17 of the request log. Ends with 0 if all is well, with 1 if something is damaged or cannot be looked at.

A damaged database is recovered when the service starts, or by `recover` if `recovery` is `refuse`.")]
    Check {
        /// Folder of the database
        #[arg(long, value_name = "DIR", env = "HEADGATE_COLLECTOR_DATA")]
        data: PathBuf,
    },
    /// Build a new database from the intact entries of a damaged one; the service must be stopped
    #[command(after_help = "\
The damaged file is kept as headgate.db.damaged-TIME. Lost entries are named on standard error, in the audit log, and by
GET /v1/damage. A database that is not damaged stays as it is. `serve` does the same at its start unless `recovery` is `refuse`.
Needs room for two more copies of the database.

Example:
  systemctl stop headgate-collector
  headgate-collector recover --data /var/lib/headgate
  systemctl start headgate-collector")]
    Recover {
        /// Folder of the database
        #[arg(long, value_name = "DIR", env = "HEADGATE_COLLECTOR_DATA")]
        data: PathBuf,
    },
    /// Verify both logs in a database or of a running collector, or an evidence packet; changes nothing
    #[command(after_help = "\
Each line is one check. Ends with 0 if everything holds, with 1 if something is contradicted, with 2 if it cannot be judged.

  headgate-collector verify --data /var/lib/headgate --public-key KEY
      computes everything anew from the bytes of the entries
  headgate-collector verify --url https://logs.example.com --state monitor.json --public-key KEY
      from outside and without a token: keeps the last checkpoints in FILE, and demands that the logs have only grown since.
      Run it regularly, such as once an hour; the key is needed the first time only
  headgate-collector verify --packet january.zip --key KEY
      an evidence packet, with nothing but the packet and the key

KEY is the line `public_key=` of `log-key new`.")]
    Verify(VerifyOptions),
    /// Make an evidence packet: one ZIP with the records of a period and their proofs
    #[command(after_help = packet_args::AFTER_HELP)]
    Packet(PacketOptions),
    /// Work on tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Make or change the key that signs checkpoints of the logs
    #[command(subcommand)]
    LogKey(LogKeyCommand),
    /// Confirm checkpoints of collectors that others run: each log has only grown
    #[command(after_help = witness_args::AFTER_HELP)]
    Witness(WitnessOptions),
    /// Work on both logs
    #[command(subcommand)]
    Log(LogCommand),
}

/// The form of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line: `time` (RFC 3339), `level`, `program`, `message`.
    Json,
}

/// When a damaged database is recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Recovery {
    /// When the service starts. The damaged file is kept beside the new one.
    OnStart,
    /// By `headgate-collector recover` alone: the service does not start on a damaged database.
    Refuse,
}

/// Settings of `serve`: by option, by environment, or in the file that `--config` names.
#[derive(Debug, clap::Args)]
pub struct ServeOptions {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", env = "HEADGATE_COLLECTOR_LISTEN", default_value = "127.0.0.1:4180")]
    pub listen: SocketAddr,
    /// The place of the records.
    #[command(flatten)]
    pub place: StoreArgs,
    /// Address under which browsers reach the pages, such as `https://logs.example.com`; without it, that of the Host header
    #[arg(long, value_name = "URL", env = "HEADGATE_COLLECTOR_PUBLIC_URL", value_parser = PublicUrl::parse)]
    pub public_url: Option<PublicUrl>,
    /// Address under which browsers reach the gateway, such as `https://ai.example.com`, for the playground; without it, the address in
    /// the policy in force
    #[arg(long, value_name = "URL", env = "HEADGATE_COLLECTOR_GATEWAY_URL", value_parser = PublicUrl::parse)]
    pub gateway_url: Option<PublicUrl>,
    /// Largest body of a batch or of audit entries, MiB
    #[arg(long, value_name = "MIB", env = "HEADGATE_COLLECTOR_MAX_BODY_MIB", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub max_body_mib: u16,
    /// Memory for bodies that are read, checked or wait for the disk, MiB; a request that finds no room is refused and repeated by its sender
    #[arg(long, value_name = "MIB", env = "HEADGATE_COLLECTOR_BODY_MEMORY_MIB", default_value_t = 128,
          value_parser = clap::value_parser!(u16).range(64..))]
    pub body_memory_mib: u16,
    /// Recovery of a damaged database in a folder: at the start, or only by the command `recover`
    #[arg(long, value_name = "WHEN", env = "HEADGATE_COLLECTOR_RECOVERY", value_enum, default_value_t = Recovery::OnStart)]
    pub recovery: Recovery,
    /// Key that signs checkpoints of the logs: file:PATH, exec:PATH of a program that signs its input, or, in this variable alone,
    /// the key itself. Without it, nothing is signed
    #[arg(long, value_name = "KEY", env = "HEADGATE_COLLECTOR_LOG_KEY", hide_env_values = true, value_parser = LogKeySource::parse)]
    pub log_key: Option<LogKeySource>,
    /// Public key of the log key, NAME+ID+KEY; needed with exec:
    #[arg(long, value_name = "KEY", env = "HEADGATE_COLLECTOR_LOG_PUBLIC_KEY", value_parser = public_key)]
    pub log_public_key: Option<VerifyingKey>,
    /// Key that signs beside the log key while a key is changed, in the same forms; see `log-key rotate`
    #[arg(long, value_name = "KEY", env = "HEADGATE_COLLECTOR_FORMER_LOG_KEY", hide_env_values = true, value_parser = LogKeySource::parse)]
    pub former_log_key: Option<LogKeySource>,
    /// Folder of evidence packets; without it, `packets` in the folder of --data. With --store there is none without it
    #[arg(long, value_name = "DIR", env = "HEADGATE_COLLECTOR_PACKETS")]
    pub packets: Option<PathBuf>,
    /// Largest evidence packet, MiB
    #[arg(long, value_name = "MIB", env = "HEADGATE_COLLECTOR_PACKET_MAX_MIB", default_value_t = 10_240,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub packet_max_mib: u32,
    /// Seconds between two checkpoints of a log that grows
    #[arg(long, value_name = "SECONDS", env = "HEADGATE_COLLECTOR_CHECKPOINT_INTERVAL", default_value_t = 10,
          value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub checkpoint_interval: u16,
    /// Form of the lines on standard error
    #[arg(long, value_name = "FORMAT", env = "HEADGATE_COLLECTOR_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Seconds to go on serving after SIGTERM while `/readyz` says no, so that load balancers leave first
    #[arg(long, value_name = "SECONDS", env = "HEADGATE_COLLECTOR_SHUTDOWN_DELAY", default_value_t = 0)]
    pub shutdown_delay: u16,
    /// Seconds that open requests then have to end; a second signal ends at once
    #[arg(long, value_name = "SECONDS", env = "HEADGATE_COLLECTOR_SHUTDOWN_TIME", default_value_t = 10)]
    pub shutdown_time: u16,
}

fn public_key(text: &str) -> Result<VerifyingKey, String> {
    VerifyingKey::parse(text).map_err(|error| error.to_string())
}

/// `config …`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check the settings; every problem is named with file, line and remedy
    Check(ServeOptions),
    /// Print the settings that are in force as a file of settings, with where each comes from; no secret is shown
    Show(ServeOptions),
}

/// `token …`.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Print a new token as `token=…`, once; works while the service runs
    New {
        /// The place of the records.
        #[command(flatten)]
        place: StoreArgs,
        /// The role of the token
        #[arg(long, value_enum)]
        role: Role,
        /// The purpose or owner of the token; the audit log names it
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// Days until it is no longer valid; without it, it is valid until it is revoked
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
        expires_in: Option<u16>,
        /// Id of the ingest token that it replaces: proxies that run go on with it under their old numbers
        #[arg(long, value_name = "ID")]
        replaces: Option<String>,
    },
    /// List all tokens, one a line: id, role, state, last use, name
    List {
        /// The place of the records.
        #[command(flatten)]
        place: StoreArgs,
    },
    /// Make a token invalid from now on; works while the service runs
    Revoke {
        /// The place of the records.
        #[command(flatten)]
        place: StoreArgs,
        /// The token's id, as `token list` shows it
        id: String,
    },
}

/// Returns `serve` with its options, which are the settings.
#[must_use]
pub fn serve_options() -> clap::Command {
    Args::command().find_subcommand("serve").cloned().unwrap_or_default()
}
