//! `GET /v1/usage` and `GET /v1/usage.csv`: usage by time and by dimension.
//!
//! A page has the shape of OpenAI's usage API: buckets of time with results in them. Usage reveals facts about people, so
//! reading it creates an audit entry, as a search does.

mod answer;
mod export;
mod parameters;

pub(super) use answer::described as page;
pub(super) use export::csv;
pub(super) use parameters::{UsagePaging, UsageParams};

use super::app::App;
use super::caller::Caller;
use super::error::{ApiError, json_response};
use super::query_string::{self, Query};
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{self as store, Totals, UsagePage, UsageQuery};
use headgate_collector_types::audit::Resource;
use parameters::UsageRequest;

/// Buckets that are read at a time for a page of HTML.
const BUCKETS: usize = 500;

/// Returns the query of these parameters, as `GET /v1/usage` reads them.
pub(super) fn query_of(parameters: &str) -> Result<UsageQuery, ApiError> {
    let paging = query_string::parse(&format!("limit={BUCKETS}"))?;
    Ok(query_string::parse::<UsageParams>(parameters)?.page(&paging)?.query)
}

/// Handles `GET /v1/usage`.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    Query(divided): Query<UsageParams>,
    Query(paged): Query<UsagePaging>,
) -> Result<Response, ApiError> {
    let request = divided.page(&paged)?;
    app.audit.search(&caller, "usage.searched", Resource::new("log", "usage"), text.as_deref()).await?;
    let body = app
        .readers
        .query(move |db| {
            let page = store::usage(db, &request.query)?;
            let total = request.total.then(|| total(db, &page, &request)).transpose()?;
            Ok(answer::page(&page, total.as_ref(), &request))
        })
        .await?;
    Ok(json_response(StatusCode::OK, body?))
}

/// Returns the sum of all pages; the sum of this page if it is the only one.
fn total(db: &Db, page: &UsagePage, request: &UsageRequest) -> Result<Totals, StoreError> {
    let only = page.next.is_none() && request.query.from == request.whole.from;
    if only { Ok(page.total()) } else { store::usage_total(db, &request.whole) }
}
