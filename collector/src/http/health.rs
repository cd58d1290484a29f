//! `/healthz` says that the process runs, `/readyz` that it can do its work: a write that is on disk.

use super::App;
use super::error::{ApiError, json_response};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use std::time::Duration;

/// Longest wait for the probe's commit.
const PROBE_TIME: Duration = Duration::from_secs(2);

/// `GET /healthz`.
pub(super) async fn alive() -> Response {
    json_response(StatusCode::OK, br#"{"status":"alive"}"#.to_vec())
}

/// `GET /readyz`. Probes that come together share one commit, as batches do.
pub(super) async fn ready(State(app): State<App>) -> Result<Response, ApiError> {
    match tokio::time::timeout(PROBE_TIME, app.writes.probe()).await {
        Ok(outcome) => outcome?,
        Err(_) => {
            return Err(ApiError::unavailable("store_slow", "The disk did not confirm a write within 2 seconds."));
        }
    }
    Ok(json_response(StatusCode::OK, br#"{"status":"ready"}"#.to_vec()))
}
