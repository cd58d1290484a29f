//! `GET /v1/holds`, `POST /v1/holds` and `DELETE /v1/holds/{id}`: legal holds. Entries that a hold covers are not deleted
//! until it is released.

use super::app::App;
use super::caller::Caller;
use super::error::{ApiError, json_response};
use super::path_param::PathName;
use super::values::{bad, invalid};
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_store::{self as store, Hold};
use headgate_collector_types::audit::Resource;
use headgate_collector_types::retention::Scope;
use headgate_collector_types::validate::{is_name, reason_of};
use headgate_collector_types::{Log, clock};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Maximum size of the body of `POST /v1/holds`, bytes.
const MAX_BODY_BYTES: usize = 16 << 10;

/// The body of `POST /v1/holds`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewHold {
    log: Log,
    scope: Scope,
    /// The reason, such as the number of a case.
    #[schemars(length(min = 1, max = 256))]
    reason: String,
}

/// The answer of `POST /v1/holds`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PlacedHold {
    #[serde(flatten)]
    hold: Hold,
    /// Number of entries that it covers now; absent if counting took too long. The hold is valid all the same.
    covers: Option<u64>,
}

/// Handles `GET /v1/holds`.
pub(super) async fn list(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Response, ApiError> {
    note_list(&app, &caller).await?;
    let holds = app.readers.query(store::holds).await?;
    let body = json!({"object": "list", "data": holds}).to_string();
    Ok(json_response(StatusCode::OK, body.into_bytes()))
}

/// Notes that the holds were listed.
pub(super) async fn note_list(app: &App, caller: &Caller) -> Result<(), ApiError> {
    app.audit.search(caller, "holds.searched", Resource::new("list", "holds"), None).await
}

/// Handles `POST /v1/holds`.
pub(super) async fn place(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (_permit, body) = app.bodies.read(request, MAX_BODY_BYTES).await?;
    let placed = place_of(&app, &caller, &body).await?;
    let body = serde_json::to_vec(&placed).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::CREATED, body))
}

/// Places the hold that a body describes.
pub(super) async fn place_of(app: &App, caller: &Caller, body: &[u8]) -> Result<PlacedHold, ApiError> {
    let NewHold { log, scope, reason } = parse(body)?;
    let (actor, now) = (caller.actor(), clock::now_us());
    let placed = crate::write_timeout::commit(&app.writes, "the hold", move |tx| {
        store::place_hold(tx, log, scope, reason, actor, now)
    })
    .await?;
    let hold = placed.ok_or_else(too_many)?;
    let counting = hold.clone();
    let covers = app.readers.query(move |db| store::count_covered(db, &counting)).await.ok();
    Ok(PlacedHold { hold, covers })
}

fn parse(body: &[u8]) -> Result<NewHold, ApiError> {
    let hold: NewHold = serde_json::from_slice(body).map_err(|error| {
        let shape = r#"{"log":"requests","scope":{"team":"search","from":"2026-01-01T00:00:00Z"},"reason":"case 17"}"#;
        invalid(format!("The body is no hold: {}. It looks like {shape}.", reason_of(&error)), "invalid_body")
    })?;
    if !is_name(&hold.reason) {
        return Err(bad("reason", "must be 1 to 256 characters long"));
    }
    match hold.scope.invalid_member(hold.log) {
        Some((name, what)) => Err(bad(name, what)),
        None => Ok(hold),
    }
}

/// Handles `DELETE /v1/holds/{id}`.
pub(super) async fn release(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let released = release_named(&app, &caller, name).await?;
    let body = serde_json::to_vec(&released).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}

/// Releases the hold of this id.
pub(super) async fn release_named(app: &App, caller: &Caller, name: Option<String>) -> Result<Hold, ApiError> {
    let id = name.ok_or_else(not_found)?;
    let actor = caller.actor();
    let released =
        crate::write_timeout::commit(&app.writes, "the release", move |tx| store::release_hold(tx, &id, actor)).await?;
    released.ok_or_else(not_found)
}

fn too_many() -> ApiError {
    ApiError::invalid(
        StatusCode::CONFLICT,
        "too_many_holds",
        "There are 200 holds already. Release those that are over, or place one that covers several.",
    )
}

pub(super) fn not_found() -> ApiError {
    ApiError::invalid(
        StatusCode::NOT_FOUND,
        "hold_not_found",
        "No hold has this id. Ids begin with `hold_`; GET /v1/holds lists those that stand.",
    )
    .param("id")
}
