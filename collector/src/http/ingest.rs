//! `POST /v1/ingest/requests`: a batch in, an acknowledgement out, and between them a commit on disk.
//!
//! Memory is bounded before a body is read: each request takes its share of one budget, and keeps it until its batch is
//! stored. Who finds no room is told so at once and comes again, which is what the sender's queue is for.

use super::App;
use super::auth::Caller;
use super::commit::committed;
use super::error::{ApiError, json_response};
use super::openapi::{self, Schemas};
use crate::store::{Held, Sender};
use crate::validate::{BadBatch, MAX_BATCH_RECORDS, MAX_NAME_CHARS, check_batch};
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use headgate_record::{Acknowledgement, RequestRecord};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Largest body, bytes, unless the operator says otherwise.
pub(super) const MAX_BODY_BYTES: usize = 8 << 20;
/// Bodies that are read, checked or waiting for the disk, KiB in all, unless the operator says otherwise.
pub(super) const BUDGET_KIB: usize = 128 << 10;
/// Longest time for a body to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// `POST /v1/ingest/requests`.
pub(super) async fn requests(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let outcome = take(&app, caller.sender(), request).await;
    app.metrics.batch(match &outcome {
        Ok(_) => "acknowledged",
        Err(error) if error.is_server_side() => "unavailable",
        Err(_) => "rejected",
    });
    let body = serde_json::to_vec(&outcome?).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}

/// A batch as it is read: a record that is none is refused by itself.
pub(super) fn batch(schemas: &mut Schemas) -> Value {
    let name = json!({"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS});
    let record = openapi::of::<RequestRecord>(schemas);
    let dropped = "Records of this boot that were dropped so far.";
    openapi::object(&[
        ("node", name.clone()),
        ("boot", name),
        ("dropped", json!({"type": "integer", "minimum": 0, "maximum": i64::MAX, "description": dropped})),
        ("records", openapi::each_by_itself(&record, MAX_BATCH_RECORDS)),
    ])
}

async fn take(app: &App, sender: Sender, request: Request) -> Result<Acknowledgement, ApiError> {
    let (held, body) = whole_body(app, request).await?;
    let batch = tokio::task::spawn_blocking(move || check_batch(&body, sender))
        .await
        .map_err(|_| ApiError::unavailable("internal", "The batch could not be checked."))?
        .map_err(bad_batch)?;
    committed("the batch", app.writes.store(batch, held)).await
}

/// A request's body, and its share of the memory for bodies.
pub(super) async fn whole_body(app: &App, request: Request) -> Result<(Held, Bytes), ApiError> {
    body(app, request, app.max_body).await
}

/// As [`whole_body`], for a body of at most `most` bytes.
pub(super) async fn body(app: &App, request: Request, most: usize) -> Result<(Held, Bytes), ApiError> {
    let (parts, body) = request.into_parts();
    let held = reserve(app, expected_bytes(&parts.headers, most)?)?;
    Ok((held, read(body, most).await?))
}

/// The body's length as announced; the largest one when it is not.
fn expected_bytes(headers: &HeaderMap, most: usize) -> Result<usize, ApiError> {
    if let Some(coding) = headers.get(header::CONTENT_ENCODING)
        && coding != "identity"
    {
        return Err(ApiError::invalid(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_content_encoding",
            "Send the body as plain JSON, without Content-Encoding.",
        ));
    }
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok())
        .unwrap_or(most);
    if announced > most {
        return Err(too_large(most));
    }
    Ok(announced)
}

fn reserve(app: &App, bytes: usize) -> Result<Held, ApiError> {
    let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX);
    match Arc::clone(&app.budget).try_acquire_many_owned(kib) {
        Ok(share) => Ok(Box::new(share)),
        Err(_) => Err(ApiError::unavailable("busy", "Too many bodies are under way. Send it again in a second.")),
    }
}

async fn read(body: Body, most: usize) -> Result<Bytes, ApiError> {
    let whole = Limited::new(body, most).collect();
    match tokio::time::timeout(BODY_TIME, whole).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(most)),
        Ok(Err(_)) => Err(ApiError::invalid(StatusCode::BAD_REQUEST, "incomplete_body", "The body broke off.")),
        Err(_) => Err(ApiError::invalid(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "The body did not arrive within 10 seconds.",
        )),
    }
}

fn too_large(most: usize) -> ApiError {
    let message = format!("The body may be at most {most} bytes. Send less at once.");
    ApiError::invalid(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
}

pub(super) fn bad_batch(bad: BadBatch) -> ApiError {
    let message = format!("The body is no batch: {}.", bad.reason);
    ApiError::invalid(StatusCode::BAD_REQUEST, bad.code, message)
}
