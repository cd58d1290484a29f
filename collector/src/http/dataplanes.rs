//! `POST /v1/heartbeat` and `GET /v1/dataplanes`.

use super::App;
use super::auth::Caller;
use super::error::{ApiError, json_response};
use super::openapi::{self, Schemas};
use super::values::{bad, invalid};
use crate::audit::Resource;
use crate::clock;
use crate::store::{self, Beat, DataPlane, Db, StoreError};
use crate::validate::{is_name, reason_of};
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use headgate_record::Heartbeat;
use serde_json::{Value, json};

/// Largest heartbeat, bytes.
const MAX_BODY_BYTES: usize = 16 << 10;

/// `POST /v1/heartbeat`.
pub(super) async fn heartbeat(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (_held, body) = super::ingest::body(&app, request, MAX_BODY_BYTES).await?;
    let beat: Heartbeat = serde_json::from_slice(&body)
        .map_err(|error| invalid(format!("The body is no heartbeat: {}.", reason_of(&error)), "invalid_body"))?;
    check(&beat)?;
    let sender = caller.sender();
    let take = move |tx: &Db| store::take_heartbeat(tx, &sender, &beat, clock::now_us());
    match app.commit("the heartbeat", take).await? {
        Beat::Kept => Ok(StatusCode::NO_CONTENT.into_response()),
        Beat::Foreign => Err(StoreError::ForeignBoot.into()),
        Beat::TooManyBoots => Err(StoreError::TooManyBoots.into()),
        Beat::TooFar => Err(ApiError::invalid(
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

/// The answer of `GET /v1/dataplanes`.
pub(super) fn page(schemas: &mut Schemas) -> Value {
    let plane = openapi::of::<DataPlane>(schemas);
    let now = json!({"type": "integer", "description": "The time here, µs since 1970, to hold `last_seen` against."});
    schemas.list(&plane, &[("now", now)])
}

/// `GET /v1/dataplanes`.
pub(super) async fn list(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Response, ApiError> {
    app.note_search(&caller, "dataplanes.searched", Resource::new("list", "dataplanes"), "").await?;
    let now = clock::now_us();
    let planes = app.readers.query(move |db| store::data_planes(db, now)).await?;
    let body = json!({"object": "list", "data": planes, "now": now}).to_string();
    Ok(json_response(StatusCode::OK, body.into_bytes()))
}
