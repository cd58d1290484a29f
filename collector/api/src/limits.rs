//! `POST /v1/limits/sync`, `GET /v1/limits` and `GET /v1/budgets`.

mod parameters;

pub(super) use parameters::{BudgetWindow, CountParams, LimitWindow, cursor};

use super::app::App;
use super::caller::Caller;
use super::error::{ApiError, json_response};
use super::openapi::{self, Schemas};
use super::query_string::{self, Query};
use super::write_timeout::committed;
use axum::extract::{Extension, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_db::StoreError;
use headgate_collector_quota::{
    BadReport, Count, CountPage, CountQuery, MAX_REPORT_BYTES, ReportRefusal, SyncOutcome, check_report,
};
use headgate_collector_types::audit::Resource;
use headgate_limits::Reply;
use serde::Serialize;
use serde_json::{Value, json};

/// Handles `POST /v1/limits/sync`.
pub(super) async fn sync(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (permit, body) = app.bodies.read(request, MAX_REPORT_BYTES).await?;
    let report = tokio::task::spawn_blocking(move || check_report(&body))
        .await
        .map_err(|_| ApiError::unavailable("internal", "The report could not be checked."))?
        .map_err(bad_report)?;
    answer(committed("the report", app.limits.sync(caller.sender(), report, permit)).await?)
}

fn answer(synced: SyncOutcome) -> Result<Response, ApiError> {
    match synced {
        SyncOutcome::Answer(reply) => json(&*reply as &Reply),
        SyncOutcome::Stale => Err(ApiError::invalid(
            StatusCode::CONFLICT,
            "stale_report",
            "A later report of this boot has been answered. Number reports 1, 2, 3 … and send one at a time.",
        )),
        SyncOutcome::Refused(ReportRefusal::ForeignBoot) => Err(StoreError::ForeignBoot.into()),
        SyncOutcome::Refused(ReportRefusal::TooManyBoots) => Err(StoreError::TooManyBoots.into()),
        SyncOutcome::Refused(ReportRefusal::TooFar) => Err(ApiError::invalid(
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

/// Returns the query of these parameters, as `GET /v1/limits` or `GET /v1/budgets` reads them.
pub(super) fn query_of(budgets: bool, parameters: &str) -> Result<CountQuery, ApiError> {
    Ok(if budgets {
        query_string::parse::<CountParams<BudgetWindow>>(parameters)?.query(true, |window| window == BudgetWindow::All)
    } else {
        query_string::parse::<CountParams<LimitWindow>>(parameters)?.query(false, |LimitWindow::Current| false)
    })
}

/// Handles `GET /v1/limits`.
pub(super) async fn limits(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    Query(counts): Query<CountParams<LimitWindow>>,
) -> Result<Response, ApiError> {
    let query = counts.query(false, |LimitWindow::Current| false);
    app.audit.search(&caller, "limits.searched", Resource::new("list", "limits"), text.as_deref()).await?;
    page(app.limits.list(query).await?)
}

/// Handles `GET /v1/budgets`.
pub(super) async fn budgets(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    Query(counts): Query<CountParams<BudgetWindow>>,
) -> Result<Response, ApiError> {
    let query = counts.query(true, |window| window == BudgetWindow::All);
    app.audit.search(&caller, "budgets.searched", Resource::new("list", "budgets"), text.as_deref()).await?;
    page(app.limits.list(query).await?)
}

/// Returns the schema of the answer of both lists.
pub(super) fn counts_schema(schemas: &mut Schemas) -> Value {
    let count = openapi::of::<Count>(schemas);
    schemas.list(&count, &[("has_more", json!({"type": "boolean"})), ("next", openapi::cursor())])
}

fn page(CountPage { entries, next }: CountPage) -> Result<Response, ApiError> {
    let next = next.map(cursor);
    json(&json!({"object": "list", "data": entries, "has_more": next.is_some(), "next": next}))
}

fn json(body: &impl Serialize) -> Result<Response, ApiError> {
    let body = serde_json::to_vec(body).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}
