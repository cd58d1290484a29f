//! `GET /v1/damage`: places of both logs at which the disk did not keep what it was given.

use super::App;
use super::error::{ApiError, json_response};
use super::query::none;
use crate::store;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

/// `GET /v1/damage`.
pub(super) async fn list(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    none(query.as_deref().unwrap_or_default())?;
    let (rows, has_more) = app.readers.query(store::damage).await?;
    let body = json!({"object": "list", "data": rows, "has_more": has_more, "passes": app.scrub.passes()});
    Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
}
