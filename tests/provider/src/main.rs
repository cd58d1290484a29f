//! `headgate-mock-provider`: a provider with OpenAI's and Anthropic's APIs for the demo, the end-to-end tests and the benchmarks.
//!
//! A mock server library answers well-formed HTTP only, but a gateway must also survive a reset in mid-stream, half a body,
//! or bytes that are not HTTP. So this one writes its own bytes. The model name of a request selects the behaviour (see
//! `behaviour.rs`), so concurrent tests share no state. Control paths queue exact answers and return requests (see
//! `control.rs`).
#![allow(clippy::print_stdout, reason = "the address it listens on is its output")]

mod answer;
mod asked;
mod behaviour;
mod control;
mod fast;
mod ledger;
mod message;
mod plan;
mod request;
mod script;
mod serve;
mod steps;
mod stream;

use ledger::Ledger;
use std::io::{self, Write};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

const USAGE: &str = "usage: headgate-mock-provider [--listen 127.0.0.1:0] [--name alpha] [--fast] [--ledger FILE]";

struct Args {
    listen: String,
    name: String,
    fast: bool,
    ledger: Option<String>,
}

fn args() -> Result<Args, String> {
    let mut parsed = Args { listen: "127.0.0.1:0".into(), name: "alpha".into(), fast: false, ledger: None };
    let mut given = std::env::args().skip(1);
    while let Some(flag) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{flag} needs a value\n{USAGE}"));
        match flag.as_str() {
            "--listen" => parsed.listen = value()?,
            "--name" => parsed.name = value()?,
            "--fast" => parsed.fast = true,
            "--ledger" => parsed.ledger = Some(value()?),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(parsed)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let args = args().map_err(io::Error::other)?;
    let listener = TcpListener::bind(&args.listen).await?;
    let mut out = io::stdout();
    writeln!(out, "listening on http://{}", listener.local_addr()?)?;
    out.flush()?;
    if args.fast {
        accept_fast(listener, &args.name).await
    } else {
        accept(listener, args.name, Ledger::open(args.ledger.as_deref())?).await
    }
}

async fn accept(listener: TcpListener, name: String, ledger: Ledger) -> io::Result<()> {
    let shared = Arc::new(control::Shared::new(name, ledger));
    loop {
        let stream = next(&listener).await?;
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { serve::connection(stream, &shared).await });
    }
}

async fn accept_fast(listener: TcpListener, name: &str) -> io::Result<()> {
    let prebuilt = Arc::new(fast::Prebuilt::new(name));
    loop {
        let stream = next(&listener).await?;
        let prebuilt = Arc::clone(&prebuilt);
        tokio::spawn(async move { fast::connection(stream, &prebuilt).await });
    }
}

/// Accepts a connection without delayed writes: tests depend on chunk boundaries.
async fn next(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
