//! `POST /v1/heartbeat` and `GET /v1/dataplanes`.

use super::app::App;
use super::caller::Caller;
use super::error::{ApiError, json_response};
use super::openapi::{self, Schemas};
use super::values::{bad, invalid};
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{self as store, DataPlane, HeartbeatOutcome};
use headgate_collector_types::audit::Resource;
use headgate_collector_types::clock;
use headgate_collector_types::validate::{is_name, reason_of};
use headgate_record::Heartbeat;
use serde_json::{Value, json};

/// Maximum size of a heartbeat, bytes.
const MAX_BODY_BYTES: usize = 16 << 10;

/// Handles `POST /v1/heartbeat`.
pub(super) async fn heartbeat(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (_permit, body) = app.bodies.read(request, MAX_BODY_BYTES).await?;
    let beat: Heartbeat = serde_json::from_slice(&body)
        .map_err(|error| invalid(format!("The body is no heartbeat: {}.", reason_of(&error)), "invalid_body"))?;
    check(&beat)?;
    let sender = caller.sender();
    let work = move |tx: &Db| store::store_heartbeat(tx, &sender, &beat, clock::now_us());
    match crate::write_timeout::commit(&app.writes, "the heartbeat", work).await? {
        HeartbeatOutcome::Stored => Ok(StatusCode::NO_CONTENT.into_response()),
        HeartbeatOutcome::ForeignBoot => Err(StoreError::ForeignBoot.into()),
        HeartbeatOutcome::TooManyBoots => Err(StoreError::TooManyBoots.into()),
        HeartbeatOutcome::NumberTooFar => Err(ApiError::invalid(
            StatusCode::CONFLICT,
            "number_too_far",
            "`last_seq` is further than a worker can have come since it was heard last, or less than `queued` or `dropped`.",
        )),
    }
}

fn check(beat: &Heartbeat) -> Result<(), ApiError> {
    let names = [
        ("node", &beat.node),
        ("boot", &beat.boot),
        ("version", &beat.version),
        ("config_revision", &beat.config_revision),
    ];
    match names.iter().find(|(_, text)| !is_name(text)) {
        Some((name, _)) => Err(bad(name, "must be 1 to 256 characters long")),
        None => Ok(()),
    }
}

/// Returns the schema of the answer of `GET /v1/dataplanes`.
pub(super) fn page(schemas: &mut Schemas) -> Value {
    let plane = openapi::of::<DataPlane>(schemas);
    let now = json!({"type": "integer", "description": "The time here, µs since 1970, to hold `last_seen` against."});
    schemas.list(&plane, &[("now", now)])
}

/// Handles `GET /v1/dataplanes`.
pub(super) async fn list(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Response, ApiError> {
    app.audit.search(&caller, "dataplanes.searched", Resource::new("list", "dataplanes"), None).await?;
    let now = clock::now_us();
    let planes = app.readers.query(move |db| store::data_planes(db, now)).await?;
    let body = json!({"object": "list", "data": planes, "now": now}).to_string();
    Ok(json_response(StatusCode::OK, body.into_bytes()))
}
