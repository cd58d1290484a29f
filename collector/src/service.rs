//! Runs a command: puts store and HTTP together, starts them, stops them in order.

mod check;
mod token;

use crate::args::{Args, Command};
use crate::http::{self, App, Metrics};
use crate::journal;
use crate::store::{self, Role, Store, StoreError, TokenHash};
use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the command to its end.
///
/// # Errors
/// One line for the operator: what went wrong and what to do.
pub fn run(args: Args) -> Result<(), String> {
    match args.command {
        Command::Serve { listen, data } => serve(listen, &data),
        Command::Init { data } => token::init(&data),
        Command::Check { data } => check::run(&data),
        Command::Token(command) => token::run(command),
    }
}

fn serve(listen: SocketAddr, data: &Path) -> Result<(), String> {
    let tokens = environment_tokens();
    let runtime = tokio::runtime::Runtime::new().map_err(|e| format!("cannot start: {e}"))?;
    let (metrics, writes) = Metrics::new();
    let store = Store::open(data, writes).map_err(|e| cannot_open(data, e))?;
    hint_at_tokens(data, &tokens)?;
    let app = App::new(&store, metrics, &tokens);
    let Store { writes, readers, thread } = store;
    drop((writes, readers));
    let served = runtime.block_on(listen_until_stopped(listen, app));
    // Dropping the runtime ends the last connections and with them the last handles of the writer.
    drop(runtime);
    thread.join();
    served
}

async fn listen_until_stopped(listen: SocketAddr, app: App) -> Result<(), String> {
    let stop = stop_signal().map_err(|e| format!("cannot wait for signals: {e}"))?;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|e| format!("cannot listen on {listen}: {e}; choose another --listen"))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    say(&format!("listening on http://{address}"))?;
    http::serve(listener, app, stop).await;
    Ok(())
}

/// Resolves at SIGTERM or SIGINT.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
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
fn hint_at_tokens(data: &Path, tokens: &[(TokenHash, Role)]) -> Result<(), String> {
    let db = store::open_writer(data).map_err(|e| cannot_open(data, e))?;
    if tokens.is_empty() && !store::has_token(&db).map_err(|e| e.to_string())? {
        journal::line("there is no token yet; `headgate-collector init` makes the first one, also while this runs");
    }
    Ok(())
}

fn cannot_open(data: &Path, error: StoreError) -> String {
    format!("cannot open the store in {}: {error}", data.display())
}

/// What other programs read: standard output.
fn say(line: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| format!("cannot write to standard output: {e}"))?;
    Ok(())
}
