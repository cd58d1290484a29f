//! Runs a command: connects store and HTTP, starts them, stops them in order.

mod backup;
mod check;
mod identity_provider;
mod log_key;
mod log_restart;
mod packet;
mod recover;
mod stop;
mod token;
mod verify;
mod witness;

use crate::anchors::{AnchorSettings, Anchors};
use crate::args::{Command, ConfigCommand, LogCommand, LogFormat, ServeOptions};
use crate::checkpoints::Checkpoints;
use crate::jobs::Jobs;
use crate::log;
use crate::packets::{PacketJobs, PacketSettings};
use crate::runs::Runs;
use crate::settings::Parsed;
use crate::signers::Signers;
use crate::witnesses::{WitnessSettings, Witnesses};
use headgate_collector_api::{self as http, App, Metrics, StatedSource};
use headgate_collector_db::StoreError;
use headgate_collector_forward::{Forwarders, Settings as ForwarderSettings};
use headgate_collector_oidc::Settings as OidcSettings;
use headgate_collector_store::{self as store, Location, Readers, Store, TokenHash};
use headgate_collector_types::Role;
use headgate_collector_types::audit::Actor;
use headgate_collector_types::validate::is_name;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use stop::{StopTimes, first_signal};
use tokio::net::TcpListener;

/// Runs the command to its end, and returns the code of the process.
///
/// # Errors
/// One line for the operator: the problem and its remedy.
pub fn run(parsed: Parsed) -> Result<ExitCode, String> {
    let Parsed { args, shown, values, oidc, forwarders, witnesses, anchors, sources } = parsed;
    if let Command::Verify(options) = &args.command {
        return verify::run(options);
    }
    match args.command {
        Command::Verify(_) => Ok(()),
        Command::Serve(options) => serve(&options, values, FromFile { oidc, forwarders, witnesses, anchors, sources }),
        Command::Config(ConfigCommand::Check(options)) => {
            identity_provider::of(oidc, options.public_url.as_ref())?;
            key_of(&options)?;
            print_line("ok")
        }
        Command::Config(ConfigCommand::Show(_)) => print_line(&shown),
        Command::Backup { data, out } => backup::backup(&data, &out),
        Command::Restore { from, data, replace } => backup::restore(&from, &data, replace),
        Command::Init { place } => token::init(&place.location()?),
        Command::Check { data } => check::run(&data),
        Command::Recover { data } => recover::run(&data),
        Command::Token(command) => token::run(command),
        Command::LogKey(command) => log_key::run(command),
        Command::Log(LogCommand::Restart { place, reason, public_key }) => {
            log_restart::run(&place, &reason, public_key.as_deref())
        }
        Command::Packet(options) => packet::run(&options, &sources),
        Command::Witness(options) => witness::run(&options),
    }
    .map(|()| ExitCode::SUCCESS)
}

/// Settings that only the file can set.
struct FromFile {
    oidc: Option<OidcSettings>,
    forwarders: Vec<ForwarderSettings>,
    witnesses: Vec<WitnessSettings>,
    anchors: Vec<AnchorSettings>,
    sources: Vec<StatedSource>,
}

fn serve(
    options: &ServeOptions,
    values: BTreeMap<String, String>,
    FromFile { oidc, forwarders, witnesses, anchors, sources }: FromFile,
) -> Result<(), String> {
    log::write_json(options.log_format == LogFormat::Json);
    let provider = identity_provider::of(oidc, options.public_url.as_ref())?;
    let keys = key_of(options)?;
    let location = &options.place.location()?;
    hint_at_folder(location);
    let tokens = environment_tokens();
    let runtime = tokio::runtime::Runtime::new().map_err(|e| format!("cannot start: {e}"))?;
    let (metrics, writes) = Metrics::new();
    let store =
        Store::open(location, writes, recover::at_start(options.recovery)).map_err(|e| cannot_open(location, e))?;
    runtime.block_on(hint_at_tokens(&store.readers, &tokens));
    let (retention, signing) = (metrics.retention.clone(), metrics.signing.clone());
    let interval = Duration::from_secs(options.checkpoint_interval.into());
    let witnesses = Witnesses::new(&store, witnesses, &metrics.witnesses, interval)?;
    let anchors = Anchors::new(&store, anchors, &metrics.anchors)?;
    let forwarders = Forwarders::new(&store, forwarders, metrics.forwarders.clone())?;
    let mut app = App::new(&store, metrics, &tokens)
        .with_forwarders(forwarders)
        .with_body_limits(options.max_body_mib, options.body_memory_mib);
    if let Some(url) = &options.public_url {
        app = app.at(url);
    }
    if let Some(url) = &options.gateway_url {
        app = app.with_gateway(url);
    }
    if let Some(provider) = provider {
        app = app.with_provider(provider);
    }
    let checkpoints = Checkpoints::new(&store, signing, keys.clone(), witnesses.clone(), interval);
    let packets = packets_of(options, location, &store, keys, sources);
    if let Some((folder, _)) = &packets {
        app = app.with_packets(folder.clone());
    }
    let runs = Runs::new(location, options.listen, values, store.writes.clone());
    let is_begun = runtime.block_on(runs.begin());
    let mut jobs = {
        let _inside = runtime.enter();
        Jobs::start(&store, &app, retention, checkpoints, witnesses, packets.map(|(_, jobs)| jobs))
    };
    {
        let _inside = runtime.enter();
        jobs.add(runs.clone().run(is_begun));
        jobs.add(anchors.run());
    }
    let Store { writes, readers, thread } = store;
    drop((writes, readers));
    let served = runtime.block_on(listen_until_stopped(options.listen, app, StopTimes::of(options)));
    drop(jobs);
    runtime.block_on(runs.end());
    // This ends the last connections and with them the last handles of the writer; running queries are not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    thread.join();
    served
}

/// Returns the keys that sign checkpoints and packets, if there is one.
fn key_of(options: &ServeOptions) -> Result<Option<Arc<Signers>>, String> {
    let ServeOptions { log_key, log_public_key, former_log_key, .. } = options;
    Ok(Signers::given(log_key.clone(), log_public_key.clone(), former_log_key.clone())?.map(Arc::new))
}

/// Returns the folder of evidence packets and the job that makes them, if there is a folder.
fn packets_of(
    options: &ServeOptions,
    location: &Location,
    store: &Store,
    keys: Option<Arc<Signers>>,
    sources: Vec<StatedSource>,
) -> Option<(PathBuf, PacketJobs)> {
    let beside = match location {
        Location::Folder(data) => Some(data.join("packets")),
        Location::Server(_) => None,
    };
    let folder = options.packets.clone().or(beside)?;
    let settings = PacketSettings { keys, max_bytes: u64::from(options.packet_max_mib) << 20, sources };
    let jobs = PacketJobs::new(store, location, folder.clone(), settings);
    Some((folder, jobs))
}

async fn listen_until_stopped(listen: SocketAddr, app: App, times: StopTimes) -> Result<(), String> {
    let stop = first_signal().map_err(|e| format!("cannot wait for signals: {e}"))?;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|e| format!("cannot listen on {listen}: {e}; choose another --listen"))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    print_line(&format!("listening on http://{address}"))?;
    let leaving = app.clone();
    let stop = async move {
        let _ = stop.await;
        leaving.begin_shutdown();
        tokio::time::sleep(times.delay).await;
    };
    if !http::serve(listener, app, stop, times.finish).await {
        tracing::warn!("some requests were cut: they were not done {} s after the end", times.finish.as_secs());
    }
    Ok(())
}

fn environment_tokens() -> Vec<(TokenHash, Role)> {
    [("HEADGATE_INGEST_TOKEN", Role::Ingest), ("HEADGATE_OWNER_TOKEN", Role::Owner)]
        .into_iter()
        .filter_map(|(name, role)| Some((std::env::var(name).ok()?, role)))
        .filter(|(token, _)| !token.trim().is_empty())
        .map(|(token, role)| (store::hash_token(token.trim()), role))
        .collect()
}

/// Warns the operator if no token exists, since the service is then unusable. A store that is too busy to tell is no reason
/// not to start.
async fn hint_at_tokens(readers: &Readers, tokens: &[(TokenHash, Role)]) {
    if tokens.is_empty() && readers.query(store::has_token).await == Ok(false) {
        tracing::warn!("there is no token yet; `headgate-collector init` makes the first one, also while this runs");
    }
}

/// Warns if others may write to the folder, since they could replace the database.
fn hint_at_folder(location: &Location) {
    let Location::Folder(folder) = location else { return };
    let rights = std::fs::metadata(folder).map_or(0, |meta| meta.permissions().mode());
    if rights & 0o022 != 0 {
        let folder = folder.display();
        tracing::warn!("other users may change what is in {folder}; `chmod 700 {folder}` keeps them out");
    }
}

/// Returns the user that runs a command, by the name in the environment. A user with write access to the store can forge the
/// name, but could also write the audit entry itself.
fn operator() -> Actor {
    let named = |variable: &str| std::env::var(variable).ok().filter(|name| is_name(name));
    Actor { name: ["SUDO_USER", "USER"].into_iter().find_map(named), ..Actor::command() }
}

fn no_database(data: &Path) -> String {
    format!("there is no database in {}; check --data", data.display())
}

fn cannot_open(location: impl std::fmt::Display, error: StoreError) -> String {
    match error.remedy() {
        Some(remedy) => format!("cannot open the store in {location}: {error}; nothing in it has changed: {remedy}"),
        None => format!("cannot open the store in {location}: {error}"),
    }
}

/// Prints a line to standard output, which other programs read.
fn print_line(line: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| format!("cannot write to standard output: {e}"))?;
    Ok(())
}
