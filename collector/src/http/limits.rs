//! `POST /v1/limits/sync`, `GET /v1/limits` and `GET /v1/budgets`.

mod parameters;

use super::App;
use super::error::{ApiError, json_response};
use super::ingest::{COMMIT_TIME, body};
use crate::limits::{BadReport, CountPage, MAX_REPORT_BYTES, Synced, check_report};
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_limits::Reply;
use serde::Serialize;
use serde_json::json;

/// `POST /v1/limits/sync`.
pub(super) async fn sync(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    let (body, held) = body(&app, request, MAX_REPORT_BYTES).await?;
    let report = tokio::task::spawn_blocking(move || check_report(&body))
        .await
        .map_err(|_| ApiError::unavailable("internal", "The report could not be checked."))?
        .map_err(bad_report)?;
    match tokio::time::timeout(COMMIT_TIME, app.limits.sync(report, held)).await {
        Ok(synced) => answer(synced?),
        Err(_) => {
            Err(ApiError::unavailable("store_slow", "The disk did not confirm the report in time. Send it again."))
        }
    }
}

fn answer(synced: Synced) -> Result<Response, ApiError> {
    match synced {
        Synced::Answer(reply) => json(&*reply as &Reply),
        Synced::Stale => Err(ApiError::invalid(
            StatusCode::CONFLICT,
            "stale_report",
            "A later report of this boot has been answered. Number reports 1, 2, 3 … and send one at a time.",
        )),
    }
}

fn bad_report(bad: BadReport) -> ApiError {
    let message = format!("The body is no report that can be counted: {}.", bad.reason);
    ApiError::invalid(StatusCode::BAD_REQUEST, bad.code, message)
}

/// `GET /v1/limits`.
pub(super) async fn limits(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    list(&app, query, false).await
}

/// `GET /v1/budgets`.
pub(super) async fn budgets(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    list(&app, query, true).await
}

async fn list(app: &App, query: Option<String>, budgets: bool) -> Result<Response, ApiError> {
    let query = parameters::parse(query.as_deref().unwrap_or_default(), budgets)?;
    let CountPage { entries, next } = app.limits.list(query).await?;
    let next = next.map(parameters::cursor);
    json(&json!({"object": "list", "data": entries, "has_more": next.is_some(), "next": next}))
}

fn json(body: &impl Serialize) -> Result<Response, ApiError> {
    let body =
        serde_json::to_vec(body).map_err(|_| ApiError::unavailable("internal", "The answer could not be written."))?;
    Ok(json_response(StatusCode::OK, body))
}
