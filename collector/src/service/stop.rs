//! How the service is told to stop: the first SIGTERM or SIGINT asks it to finish, the second ends it at once.
//!
//! Signals are waited for on a thread of their own, so that the second one is heard also while the last connections are
//! being cut or the writer waits for a disk that does not answer.

use crate::args::ServeOptions;
use crate::journal;
use std::io;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// How long things may take when the service stops.
#[derive(Debug, Clone, Copy)]
pub(super) struct StopTimes {
    /// Between the signal, from which on `/readyz` says no, and the last new connection.
    pub(super) delay: Duration,
    /// From then on, for open requests to end.
    pub(super) finish: Duration,
}

impl StopTimes {
    pub(super) fn of(options: &ServeOptions) -> Self {
        let seconds = |s: u16| Duration::from_secs(s.into());
        Self { delay: seconds(options.shutdown_delay), finish: seconds(options.shutdown_time) }
    }
}

/// Begins to listen for signals; resolves at the first.
pub(super) fn first_signal() -> io::Result<oneshot::Receiver<()>> {
    let (told, first) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let waiting = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async move {
            let (mut terminate, mut interrupt) = waiting;
            let mut next = async || {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            };
            next().await;
            // If nobody waits any more, the service is at its end by itself.
            let _ = told.send(());
            next().await;
            journal::line("told to stop twice: ended at once; what was not acknowledged will come again");
            std::process::exit(1);
        });
    })?;
    Ok(first)
}
