//! The server: accepts connections, limits their number and shuts them down.
//!
//! `axum::serve` limits neither the time for request headers nor the number of connections, so hyper is used directly. hyper
//! in turn has no time limit for clients that do not read their answer: one that stops reading an export would keep its pages in
//! memory forever.

use super::app::App;
use super::connections::{Admitted, Connections};
use super::router::router;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_io_timeout::TimeoutStream;

/// Maximum number of open connections; well below the usual limit of 1024 files.
const MAX_CONNECTIONS: usize = 512;
/// Time limit for request headers, and thereby for idle connections.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Time limit for a client that reads nothing of its answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum size of a request head, bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Maximum wait for the last audit entries to be written.
const NOTES_TIMEOUT: Duration = Duration::from_secs(3);
/// Pause after a failed accept, which is most likely due to the limit on open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` resolves, then waits up to `finish` for open requests. Returns whether all of them ended.
pub async fn serve(listener: TcpListener, app: App, stop: impl Future<Output = ()>, finish: Duration) -> bool {
    let connections = Connections::new(MAX_CONNECTIONS);
    let notes = tokio::spawn(app.audit.clone().run());
    let routes = router(app.clone());
    let (stopping, stopped) = watch::channel(false);
    let (alive, mut all_ended) = mpsc::channel::<()>(1);
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if let Some(admitted) = connections.admit(peer.ip()) {
            let connection = connection(stream, routes.clone(), admitted, stopped.clone());
            let alive = alive.clone();
            tokio::spawn(async move {
                connection.await;
                drop(alive);
            });
        }
    }
    drop((listener, alive, routes));
    // This fails only if no connection is left.
    let _ = stopping.send(true);
    let all_ended_in_time = tokio::time::timeout(finish, all_ended.recv()).await.is_ok();
    notes.abort();
    // A disk that does not answer must not keep the process running; unwritten entries are lost then.
    let _ = tokio::time::timeout(NOTES_TIMEOUT, app.audit.finish()).await;
    all_ended_in_time
}

async fn connection(stream: TcpStream, routes: Router, admitted: Admitted, mut stopped: watch::Receiver<bool>) {
    // Small answers should be sent at once. Without this option they are only a little later.
    let _ = stream.set_nodelay(true);
    let slot = Arc::clone(&admitted.slot);
    let service = TowerToHyperService::new(routes.layer(Extension(Arc::clone(&slot))));
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut serving = pin!(serving);
    tokio::select! {
        // An error here concerns only the client.
        _ = serving.as_mut() => return,
        () = slot.evicted() => return,
        _ = stopped.wait_for(|stopped| *stopped) => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}
