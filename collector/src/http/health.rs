//! `/healthz` says that the process runs, `/readyz` that it can do its work: a write that is on disk.

use super::App;
use super::error::{ApiError, json_response};
use super::openapi::object;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Longest wait for the probe's commit.
const PROBE_TIME: Duration = Duration::from_secs(2);

/// `GET /healthz`.
pub(super) async fn alive() -> Response {
    json_response(StatusCode::OK, br#"{"status":"alive"}"#.to_vec())
}

/// `GET /readyz`. Anyone may ask, so probes go one by one: a flood of them takes one place in the writer's queue, not all.
pub(super) async fn ready(State(app): State<App>) -> Result<Response, ApiError> {
    if app.leaving.load(Ordering::Relaxed) {
        return Err(leaving());
    }
    let probe = async {
        let _turn = app.probing.lock().await;
        app.writes.probe().await
    };
    match tokio::time::timeout(PROBE_TIME, probe).await {
        Ok(outcome) => outcome?,
        Err(_) => return Err(too_slow()),
    }
    let body = br#"{"status":"ready"}"#.to_vec();
    Ok(json_response(StatusCode::OK, body))
}

/// What both say when all is well.
pub(super) fn status(word: &'static str) -> Value {
    object(&[("status", json!({"const": word}))])
}

fn leaving() -> ApiError {
    ApiError::unavailable(
        "shutting_down",
        "This collector is about to end. Send to another one, or wait for it to come back.",
    )
}

fn too_slow() -> ApiError {
    ApiError::unavailable("store_slow", "The disk did not confirm a write within 2 seconds.")
}
