//! `GET /v1/sessions` and `DELETE /v1/sessions/{id}`, for owners.

use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, json_response};
use crate::path_param::PathName;
use crate::write_timeout::commit;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_store::{SessionInfo, end_session, sessions};
use headgate_collector_types::audit::Resource;
use headgate_collector_types::clock;
use serde_json::json;

/// Handles `GET /v1/sessions`.
pub(crate) async fn list(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Response, ApiError> {
    let found = listed(&app, &caller).await?;
    let body = json!({"object": "list", "data": found}).to_string();
    Ok(json_response(StatusCode::OK, body.into_bytes()))
}

/// Returns the sessions, and notes that they were listed.
pub(crate) async fn listed(app: &App, caller: &Caller) -> Result<Vec<SessionInfo>, ApiError> {
    app.audit.search(caller, "sessions.searched", Resource::new("list", "sessions"), None).await?;
    Ok(app.readers.query(|db| sessions(db, clock::now_us())).await?)
}

/// Handles `DELETE /v1/sessions/{id}`.
pub(crate) async fn end(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let session = end_named(&app, &caller, name).await?;
    let body = serde_json::to_vec(&session).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}

/// Ends the session of this id.
pub(crate) async fn end_named(app: &App, caller: &Caller, name: Option<String>) -> Result<SessionInfo, ApiError> {
    let id = name.ok_or_else(not_found)?;
    let actor = caller.actor();
    let ended = commit(&app.writes, "the end of the session", move |tx| end_session(tx, &id, actor));
    ended.await?.ok_or_else(not_found)
}

fn not_found() -> ApiError {
    ApiError::invalid(
        StatusCode::NOT_FOUND,
        "session_not_found",
        "No session has this id. Ids begin with `ses_`; GET /v1/sessions lists them.",
    )
    .param("id")
}
