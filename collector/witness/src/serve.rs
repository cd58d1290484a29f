//! The witness over HTTP. TLS is the work of a proxy before it.

use crate::judge::{Reply, Witness};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

/// The most open connections; others wait.
const MAX_CONNECTIONS: usize = 128;
/// The longest time for the head of a request, for its body, and for a client that reads nothing of its answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of a head.
const MAX_HEAD_BYTES: usize = 16 << 10;
/// The most bytes of a request.
const MAX_BODY_BYTES: usize = 64 << 10;
/// Pause after a failed accept, which is most likely due to the limit on open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The time that open requests have when the service ends.
const FINISH: Duration = Duration::from_secs(5);
const TEXT: &str = "text/plain; charset=utf-8";
const SIZE: &str = "text/x.tlog.size";

/// Serves until `stop` resolves.
pub async fn serve(listener: TcpListener, witness: Witness, stop: impl Future<Output = ()>) {
    let routes = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{log}/checkpoint", get(newest))
        .route("/healthz", get(async || "ok\n"))
        .with_state(Arc::new(witness));
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut stop = pin!(stop);
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let routes = routes.clone();
        tokio::spawn(async move {
            connection(stream, routes).await;
            drop(place);
        });
    }
    // Whoever is still being answered holds a place.
    let all = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(FINISH, room.acquire_many(all)).await;
}

async fn connection(stream: TcpStream, routes: Router) {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(TIMEOUT));
    // An error here concerns only the client.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(TIMEOUT)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(routes))
        .await;
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Body) -> Response {
    let body = match tokio::time::timeout(TIMEOUT, to_bytes(body, MAX_BODY_BYTES)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or was cut\n").into_response(),
        Err(_) => return (StatusCode::REQUEST_TIMEOUT, "the body did not come in time\n").into_response(),
    };
    let Ok(text) = String::from_utf8(body.into()) else { return answer(Reply::Malformed("the body is no text")) };
    let judging = tokio::task::spawn_blocking(move || witness.add_checkpoint(&text, now()));
    answer(judging.await.unwrap_or(Reply::Unavailable("the request was not judged")))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a witness states the time of its own machine, and this is where it reads it"
)]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn answer(reply: Reply) -> Response {
    let text =
        |status: StatusCode, why: &str| (status, [(header::CONTENT_TYPE, TEXT)], format!("{why}\n")).into_response();
    match reply {
        Reply::Confirmed(line) => ([(header::CONTENT_TYPE, TEXT)], line).into_response(),
        Reply::OtherSize(size) => {
            (StatusCode::CONFLICT, [(header::CONTENT_TYPE, SIZE)], format!("{size}\n")).into_response()
        }
        Reply::Malformed(why) => text(StatusCode::BAD_REQUEST, why),
        Reply::UnknownLog => text(StatusCode::NOT_FOUND, "this witness does not know the log"),
        Reply::UnknownKey => text(StatusCode::FORBIDDEN, "no signature is by a key that this witness has for the log"),
        Reply::Contradicts => {
            text(StatusCode::UNPROCESSABLE_ENTITY, "the checkpoint does not continue the one that was confirmed")
        }
        Reply::Unavailable(why) => text(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

async fn newest(State(witness): State<Arc<Witness>>, Path(log): Path<String>) -> Response {
    match tokio::task::spawn_blocking(move || witness.newest(&log)).await {
        Ok(Some(checkpoint)) => ([(header::CONTENT_TYPE, TEXT)], checkpoint).into_response(),
        _ => (StatusCode::NOT_FOUND, "nothing of this log was confirmed\n").into_response(),
    }
}
