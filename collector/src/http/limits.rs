//! `POST /v1/limits/sync`, `GET /v1/limits` and `GET /v1/budgets`.

mod parameters;

pub(super) use parameters::described;

use super::App;
use super::auth::Caller;
use super::commit::committed;
use super::error::{ApiError, json_response};
use super::ingest::body;
use super::openapi::{self, Schemas};
use crate::audit::Resource;
use crate::limits::{BadReport, Count, CountPage, MAX_REPORT_BYTES, Synced, Unsound, check_report};
use crate::store::StoreError;
use axum::extract::{Extension, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_limits::Reply;
use serde::Serialize;
use serde_json::{Value, json};

/// `POST /v1/limits/sync`.
pub(super) async fn sync(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (held, body) = body(&app, request, MAX_REPORT_BYTES).await?;
    let report = tokio::task::spawn_blocking(move || check_report(&body))
        .await
        .map_err(|_| ApiError::unavailable("internal", "The report could not be checked."))?
        .map_err(bad_report)?;
    answer(committed("the report", app.limits.sync(caller.sender(), report, held)).await?)
}

fn answer(synced: Synced) -> Result<Response, ApiError> {
    match synced {
        Synced::Answer(reply) => json(&*reply as &Reply),
        Synced::Stale => Err(ApiError::invalid(
            StatusCode::CONFLICT,
            "stale_report",
            "A later report of this boot has been answered. Number reports 1, 2, 3 … and send one at a time.",
        )),
        Synced::Refused(Unsound::ForeignBoot) => Err(StoreError::ForeignBoot.into()),
        Synced::Refused(Unsound::TooManyBoots) => Err(StoreError::TooManyBoots.into()),
        Synced::Refused(Unsound::TooFar) => Err(ApiError::invalid(
            StatusCode::CONFLICT,
            "number_too_far",
            "`seq` is further than a proxy can have come since it was heard last. Number reports 1, 2, 3 …",
        )),
    }
}

fn bad_report(bad: BadReport) -> ApiError {
    let message = format!("The body is no report that can be counted: {}.", bad.reason);
    ApiError::invalid(StatusCode::BAD_REQUEST, bad.code, message)
}

/// `GET /v1/limits`.
pub(super) async fn limits(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let text = text.unwrap_or_default();
    let query = parameters::parse(&text, false)?;
    app.note_search(&caller, "limits.searched", Resource::new("list", "limits"), &text).await?;
    page(app.limits.list(query).await?)
}

/// `GET /v1/budgets`.
pub(super) async fn budgets(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let text = text.unwrap_or_default();
    let query = parameters::parse(&text, true)?;
    app.note_search(&caller, "budgets.searched", Resource::new("list", "budgets"), &text).await?;
    page(app.limits.list(query).await?)
}

/// The answer of both lists.
pub(super) fn counts(schemas: &mut Schemas) -> Value {
    let count = openapi::of::<Count>(schemas);
    schemas.list(&count, &[("has_more", json!({"type": "boolean"})), ("next", openapi::cursor())])
}

fn page(CountPage { entries, next }: CountPage) -> Result<Response, ApiError> {
    let next = next.map(parameters::cursor);
    json(&json!({"object": "list", "data": entries, "has_more": next.is_some(), "next": next}))
}

fn json(body: &impl Serialize) -> Result<Response, ApiError> {
    let body = serde_json::to_vec(body).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}
