//! `/healthz` reports that the process runs, `/readyz` that it can commit a write to disk.

use super::error::{ApiError, json_response};
use super::openapi::object;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_store::WriteHandle;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// Maximum wait for the probe's commit.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether the service can do its work; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Health {
    writes: WriteHandle,
    probing: Arc<Mutex<()>>,
    shutting_down: Arc<AtomicBool>,
}

impl Health {
    pub(super) fn new(writes: WriteHandle) -> Self {
        Self { writes, probing: Arc::default(), shutting_down: Arc::default() }
    }

    /// Checks that a write reaches the disk in time.
    pub(super) async fn check(&self) -> Result<(), ApiError> {
        if self.is_shutting_down() {
            return Err(shutting_down());
        }
        let probe = async {
            let _probe_lock = self.probing.lock().await;
            self.writes.probe().await
        };
        match tokio::time::timeout(PROBE_TIMEOUT, probe).await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(too_slow()),
        }
    }

    /// Makes `/readyz` fail from now on.
    pub(super) fn begin_shutdown(&self) {
        self.shutting_down.store(true, Ordering::Relaxed);
    }

    /// Returns whether the process is about to end.
    pub(super) fn is_shutting_down(&self) -> bool {
        self.shutting_down.load(Ordering::Relaxed)
    }
}

/// Handles `GET /healthz`.
pub(super) async fn alive() -> Response {
    json_response(StatusCode::OK, br#"{"status":"alive"}"#.to_vec())
}

/// Handles `GET /readyz`. It needs no token, so only one probe at a time occupies a place in the writer's queue.
pub(super) async fn ready(State(health): State<Health>) -> Result<Response, ApiError> {
    health.check().await?;
    let body = br#"{"status":"ready"}"#.to_vec();
    Ok(json_response(StatusCode::OK, body))
}

/// Returns the schema of both answers on success.
pub(super) fn status(word: &'static str) -> Value {
    object(&[("status", json!({"const": word}))])
}

fn shutting_down() -> ApiError {
    ApiError::unavailable(
        "shutting_down",
        "This collector is about to end. Send to another one, or wait for it to come back.",
    )
}

fn too_slow() -> ApiError {
    ApiError::unavailable("store_slow", "The disk did not confirm a write within 2 seconds.")
}
