//! Runs a command: puts store and HTTP together, starts them, stops them in order.

mod backup;
mod check;
mod stop;
mod token;

use crate::args::{Command, ConfigCommand, ServeOptions};
use crate::audit::Actor;
use crate::http::{self, App, Metrics};
use crate::journal;
use crate::settings::Parsed;
use crate::store::{self, Location, Readers, Role, Store, StoreError, TokenHash};
use crate::validate::is_name;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use stop::{StopTimes, first_signal};
use tokio::net::TcpListener;

/// Runs the command to its end.
///
/// # Errors
/// One line for the operator: what went wrong and what to do.
pub fn run(Parsed { args, shown }: Parsed) -> Result<(), String> {
    match args.command {
        Command::Serve(options) => serve(&options),
        Command::Config(ConfigCommand::Check(_)) => say("ok"),
        Command::Config(ConfigCommand::Show(_)) => say(&shown),
        Command::Backup { data, out } => backup::backup(&data, &out),
        Command::Restore { from, data, replace } => backup::restore(&from, &data, replace),
        Command::Init { place } => token::init(&place.location()?),
        Command::Check { data } => check::run(&data),
        Command::Token(command) => token::run(command),
    }
}

fn serve(options: &ServeOptions) -> Result<(), String> {
    journal::write_as(options.log_format);
    let location = &options.place.location()?;
    hint_at_folder(location);
    let tokens = environment_tokens();
    let runtime = tokio::runtime::Runtime::new().map_err(|e| format!("cannot start: {e}"))?;
    let (metrics, writes) = Metrics::new();
    let store = Store::open(location, writes).map_err(|e| cannot_open(location, e))?;
    runtime.block_on(hint_at_tokens(&store.readers, &tokens)).map_err(|e| cannot_open(location, e))?;
    let app = App::new(&store, metrics, &tokens).bounded(options.max_body_mib, options.body_memory_mib);
    let Store { writes, readers, thread } = store;
    drop((writes, readers));
    let served = runtime.block_on(listen_until_stopped(options.listen, app, StopTimes::of(options)));
    // This ends the last connections and with them the last handles of the writer; a query that still runs is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    thread.join();
    served
}

async fn listen_until_stopped(listen: SocketAddr, app: App, times: StopTimes) -> Result<(), String> {
    let stop = first_signal().map_err(|e| format!("cannot wait for signals: {e}"))?;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|e| format!("cannot listen on {listen}: {e}; choose another --listen"))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    say(&format!("listening on http://{address}"))?;
    let leaving = app.clone();
    let stop = async move {
        let _ = stop.await;
        leaving.leave();
        tokio::time::sleep(times.delay).await;
    };
    if !http::serve(listener, app, stop, times.finish).await {
        journal::line(&format!(
            "some requests were cut: they were not done {} s after the end",
            times.finish.as_secs()
        ));
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

/// A service that nobody can use is running all the same; its operator should know.
async fn hint_at_tokens(readers: &Readers, tokens: &[(TokenHash, Role)]) -> Result<(), StoreError> {
    if tokens.is_empty() && !readers.query(store::has_token).await? {
        journal::line("there is no token yet; `headgate-collector init` makes the first one, also while this runs");
    }
    Ok(())
}

/// Whoever may write to the folder may put another database there.
fn hint_at_folder(location: &Location) {
    let Location::Folder(folder) = location else { return };
    let rights = std::fs::metadata(folder).map_or(0, |meta| meta.permissions().mode());
    if rights & 0o022 != 0 {
        let folder = folder.display();
        journal::line(&format!("other users may change what is in {folder}; `chmod 700 {folder}` keeps them out"));
    }
}

/// Who runs a command, by the name that the environment gives. Who may write to the store may say any, and could as well
/// write the entry itself.
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

/// What other programs read: standard output.
fn say(line: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| format!("cannot write to standard output: {e}"))?;
    Ok(())
}
