//! Connections: accepting them, bounding them, ending them in order.
//!
//! `axum::serve` neither limits the time for request headers nor the number of connections, so hyper is driven here. Nor does
//! hyper give a client up that has asked and takes no answer: who stops reading an export would keep its pages in memory
//! for ever.

use super::connections::{Admitted, Connections};
use super::{App, router};
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

/// Connections open at once; well under the usual limit of 1024 files.
const MAX_CONNECTIONS: usize = 512;
/// Longest time for request headers to arrive, which is also how long an idle connection is kept.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// Longest time in which a client takes nothing of its answer.
const TAKING_TIME: Duration = Duration::from_secs(30);
/// Largest request head, bytes.
const HEAD_BYTES: usize = 64 << 10;
/// Longest wait for the last notes to be written.
const NOTES_TIME: Duration = Duration::from_secs(3);
/// Pause after a failed accept: out of files, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` resolves, then lets open requests end, for `finish` at most. Whether all did.
pub async fn serve(listener: TcpListener, app: App, stop: impl Future<Output = ()>, finish: Duration) -> bool {
    let connections = Connections::new(MAX_CONNECTIONS);
    let notes = tokio::spawn(app.clone().keep_notes());
    let limits = tokio::spawn(app.limits.clone().keep());
    let scrub = tokio::spawn(app.scrub.clone().keep());
    let completeness = tokio::spawn(app.completeness.clone().keep());
    let retention = tokio::spawn(app.retention.clone().keep());
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
    // Nobody is left to listen if this fails.
    let _ = stopping.send(true);
    let all_done = tokio::time::timeout(finish, all_ended.recv()).await.is_ok();
    notes.abort();
    limits.abort();
    scrub.abort();
    completeness.abort();
    retention.abort();
    // A disk that does not answer must not keep the process; what is not written is lost with it.
    let _ = tokio::time::timeout(NOTES_TIME, app.finish_notes()).await;
    all_done
}

async fn connection(stream: TcpStream, routes: Router, admitted: Admitted, mut stopped: watch::Receiver<bool>) {
    // Small answers should leave at once; if the socket refuses, they leave a little later.
    let _ = stream.set_nodelay(true);
    let place = Arc::clone(&admitted.place);
    let service = TowerToHyperService::new(routes.layer(Extension(Arc::clone(&place))));
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(TAKING_TIME));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_header_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut serving = pin!(serving);
    tokio::select! {
        // A broken connection is its client's business.
        _ = serving.as_mut() => return,
        () = place.must_go() => return,
        _ = stopped.wait_for(|stopped| *stopped) => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}
