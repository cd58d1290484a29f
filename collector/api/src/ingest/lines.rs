//! `POST /v1/ingest/lines`: the records in the lines of a proxy's own logger, such as APISIX's `http-logger`.

use super::{acknowledge, bad_batch};
use crate::app::App;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::write_timeout::committed;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use headgate_collector_types::Sender;
use headgate_collector_types::validate::{CheckedLines, check_lines};
use headgate_record::Refusal;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::{Arc, Mutex};

/// The answer: every record that is not refused is on disk, now or from an earlier delivery.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct LinesAcknowledgement {
    /// Records that are on disk because of these lines.
    stored: u64,
    /// Records that were on disk already.
    duplicates: u64,
    /// Lines with an empty `record`: of requests that have none, or whose record goes another way.
    empty: u64,
    /// Lines whose records can never be stored; sending them again does not help.
    refused: Vec<Refusal>,
}

/// Handles `POST /v1/ingest/lines`.
pub(crate) async fn lines(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    acknowledge(&app, take(&app, caller.sender(), request).await)
}

async fn take(app: &App, sender: Sender, request: Request) -> Result<LinesAcknowledgement, ApiError> {
    let (permit, body) = app.bodies.read_max(request).await?;
    let checked = tokio::task::spawn_blocking(move || check_lines(&body, &sender))
        .await
        .map_err(|_| ApiError::unavailable("internal", "The lines could not be checked."))?
        .map_err(bad_batch)?;
    let CheckedLines { batches, empty, refused } = checked;
    let mut answer = LinesAcknowledgement { empty, refused, ..LinesAcknowledgement::default() };
    // Each batch keeps the memory of them all until it is on disk.
    let permit = Arc::new(Mutex::new(permit));
    for batch in batches {
        let kept = Box::new(Arc::clone(&permit));
        let stored = committed("the lines", app.writes.store(batch, kept)).await?;
        answer.stored = answer.stored.saturating_add(stored.stored);
        answer.duplicates = answer.duplicates.saturating_add(stored.duplicates);
        answer.refused.extend(stored.refused);
    }
    answer.refused.sort_by_key(|refusal| refusal.index);
    Ok(answer)
}
