//! `GET /v1/damage`: the positions in both logs whose entries the disk did not preserve.

use super::app::App;
use super::caller::Caller;
use super::error::{ApiError, json_response};
use super::openapi::{self, Schemas};
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_store as store;
use headgate_collector_types::audit::Resource;
use serde_json::{Value, json};

/// Handles `GET /v1/damage`.
pub(super) async fn list(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Response, ApiError> {
    app.audit.search(&caller, "damage.searched", Resource::new("list", "damage"), None).await?;
    let (rows, has_more) = app.readers.query(store::damage).await?;
    let body = json!({"object": "list", "data": rows, "has_more": has_more, "passes": app.scrub.passes()});
    Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
}

/// Returns the schema of the answer.
pub(super) fn listed(schemas: &mut Schemas) -> Value {
    let damaged = openapi::of::<store::Damaged>(schemas);
    let passes = json!({
        "type": "integer",
        "minimum": 0,
        "description": "How often this process has looked at every entry of both logs.",
    });
    schemas.list(&damaged, &[("has_more", json!({"type": "boolean"})), ("passes", passes)])
}
