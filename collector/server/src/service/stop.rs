//! Signals that stop the service: the first SIGTERM or SIGINT asks it to finish, the second ends it at once.
//!
//! Signals have a thread of their own, so that the second one is handled even while the last connections are being closed or
//! the writer waits for a disk that hangs.

use crate::args::ServeOptions;
use std::io;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Time limits of a shutdown.
#[derive(Debug, Clone, Copy)]
pub(super) struct StopTimes {
    /// Time from the signal, at which `/readyz` begins to fail, to the last new connection.
    pub(super) delay: Duration,
    /// Time from then on for open requests to end.
    pub(super) finish: Duration,
}

impl StopTimes {
    pub(super) fn of(options: &ServeOptions) -> Self {
        let seconds = |s: u16| Duration::from_secs(s.into());
        Self { delay: seconds(options.shutdown_delay), finish: seconds(options.shutdown_time) }
    }
}

/// Installs the signal handler; the receiver resolves at the first signal.
pub(super) fn first_signal() -> io::Result<oneshot::Receiver<()>> {
    let (stop, first) = oneshot::channel();
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
            // A missing receiver means that the service is already ending.
            let _ = stop.send(());
            next().await;
            tracing::warn!("told to stop twice: ended at once; what was not acknowledged will come again");
            std::process::exit(1);
        });
    })?;
    Ok(first)
}
