//! `POST /v1/ingest/requests` and `POST /v1/ingest/lines`: take records, commit them to disk, then acknowledge them.
//!
//! A request that finds no memory for its body is rejected at once. The sender repeats it; its queue is made for that.

use super::app::App;
use super::caller::Caller;
use super::error::{ApiError, json_response};
use super::openapi::{self, Schemas};
use super::write_timeout::committed;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_types::Sender;
use headgate_collector_types::validate::{BadBatch, MAX_BATCH_RECORDS, MAX_NAME_CHARS, check_batch};
use headgate_record::{Acknowledgement, RequestRecord};
use serde::Serialize;
use serde_json::{Value, json};

mod lines;

pub(super) use lines::{LinesAcknowledgement, lines};

/// Handles `POST /v1/ingest/requests`.
pub(super) async fn requests(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    acknowledge(&app, take(&app, caller.sender(), request).await)
}

/// Counts the outcome of a delivery, and answers it.
fn acknowledge<T: Serialize>(app: &App, outcome: Result<T, ApiError>) -> Result<Response, ApiError> {
    app.metrics.batch(match &outcome {
        Ok(_) => "acknowledged",
        Err(error) if error.is_server_side() => "unavailable",
        Err(_) => "rejected",
    });
    let body = serde_json::to_vec(&outcome?).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}

/// Returns the schema of a batch. An invalid record is refused alone.
pub(super) fn batch(schemas: &mut Schemas) -> Value {
    let name = json!({"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS});
    let record = openapi::of::<RequestRecord>(schemas);
    let dropped = "Records of this boot that were dropped so far.";
    openapi::object(&[
        ("node", name.clone()),
        ("boot", name),
        ("dropped", json!({"type": "integer", "minimum": 0, "maximum": i64::MAX, "description": dropped})),
        ("records", openapi::individually_checked(&record, MAX_BATCH_RECORDS)),
    ])
}

async fn take(app: &App, sender: Sender, request: Request) -> Result<Acknowledgement, ApiError> {
    let (permit, body) = app.bodies.read_max(request).await?;
    let batch = tokio::task::spawn_blocking(move || check_batch(&body, sender))
        .await
        .map_err(|_| ApiError::unavailable("internal", "The batch could not be checked."))?
        .map_err(bad_batch)?;
    committed("the batch", app.writes.store(batch, permit)).await
}

pub(super) fn bad_batch(bad: BadBatch) -> ApiError {
    let message = format!("The body is no batch: {}.", bad.reason);
    ApiError::invalid(StatusCode::BAD_REQUEST, bad.code, message)
}
