//! `GET /v1/sessions` and `DELETE /v1/sessions/{id}`, for owners.

use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, json_response};
use crate::path_param::PathName;
use crate::write_timeout::commit;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_store::{end_session, sessions};
use headgate_collector_types::audit::Resource;
use headgate_collector_types::clock;
use serde_json::json;

/// Handles `GET /v1/sessions`.
pub(crate) async fn list(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Response, ApiError> {
    app.audit.search(&caller, "sessions.searched", Resource::new("list", "sessions"), None).await?;
    let found = app.readers.query(|db| sessions(db, clock::now_us())).await?;
    let body = json!({"object": "list", "data": found}).to_string();
    Ok(json_response(StatusCode::OK, body.into_bytes()))
}

/// Handles `DELETE /v1/sessions/{id}`.
pub(crate) async fn end(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let id = name.ok_or_else(not_found)?;
    let ended = commit(&app.writes, "the end of the session", move |tx| end_session(tx, &id, caller.actor()));
    let session = ended.await?.ok_or_else(not_found)?;
    let body = serde_json::to_vec(&session).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}

fn not_found() -> ApiError {
    ApiError::invalid(
        StatusCode::NOT_FOUND,
        "session_not_found",
        "No session has this id. Ids begin with `ses_`; GET /v1/sessions lists them.",
    )
    .param("id")
}
