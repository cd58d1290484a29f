//! `GET /v1/requests` and `GET /v1/requests/{id}`.
//!
//! Records are sent as the stored bytes, so a reader can verify their hashes.

mod export;
mod facet;
mod filters;
mod histogram;
mod parameters;
mod stream;

pub(super) use export::csv_columns as record_sheet;
pub(super) use export::export;
pub(super) use facet::{FacetParams, columns_of, facets, facets_schema, values};
pub(super) use filters::{Filters, Kind};
pub(super) use histogram::{Bars, bars, histogram};
pub use parameters::request_filters;
pub(super) use parameters::{RequestExport, RequestFilter, RequestPaging};
pub(super) use stream::{EVENT_STREAM, StreamParams, stream};

use super::app::App;
use super::caller::Caller;
use super::damaged;
use super::error::{ApiError, stored_json};
use super::openapi::{self, Schemas};
use super::path_param::PathName;
use super::query_string::Query;
use super::values::cursor;
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_columns::{self as columns, Column, FacetQuery, Sums, SurveyQuery};
use headgate_collector_store::{self as store, Order, RequestPage, RequestQuery};
use headgate_collector_types::Log;
use headgate_collector_types::audit::{Entry, Operation, Resource};
use headgate_collector_types::validate::parse_uuid;
use headgate_record::RequestRecord;
use serde_json::{Value, json};

/// Handles `GET /v1/requests`.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    Query(filtered): Query<RequestFilter>,
    Query(paged): Query<RequestPaging>,
) -> Result<Response, ApiError> {
    let query = paged.query(filtered)?;
    app.audit.search(&caller, "requests.searched", log(), text.as_deref()).await?;
    let asked = query.clone();
    let (page, totals) = app
        .readers
        .query(move |db| {
            let totals = if paged.total || paged.totals {
                let bars = usize::from(paged.totals);
                let survey = SurveyQuery { facets: counting(&asked, Vec::new()), bars, ranges: Vec::new() };
                let found = columns::survey(db, &survey)?;
                let totals = paged.totals.then(|| found.histogram.total());
                Totals { total: paged.total.then_some(found.facets.total), totals }
            } else {
                Totals { total: None, totals: None }
            };
            Ok((store::list_requests(db, &asked)?, totals))
        })
        .await?;
    let damaged = damaged::damaged(page.records.iter());
    app.damage.report_altered(Log::Requests, &damaged).await;
    Ok(stored_json(StatusCode::OK, body(&page, &query, &totals, &damaged)))
}

pub(super) fn log() -> Resource {
    Resource::new("log", "requests")
}

pub(super) fn counting(list: &RequestQuery, columns: Vec<Column>) -> FacetQuery {
    FacetQuery { filters: list.filters.clone(), from: list.from, to: list.to, columns, names: facet::VALUES }
}

/// Sums over the records of all pages, where they were asked for.
struct Totals {
    total: Option<u64>,
    totals: Option<Sums>,
}

/// Handles `GET /v1/requests/{id}`.
pub(super) async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let (text, found) = named_request(&app, name).await?;
    app.audit.note(Entry::new("request.read", Operation::Read, caller.actor(), Resource::new("request", text))).await;
    Ok(stored_json(StatusCode::OK, found))
}

/// Returns the schema of the answer of `GET /v1/requests`.
pub(super) fn page(schemas: &mut Schemas) -> Value {
    let record = openapi::of::<RequestRecord>(schemas);
    let more = [
        damaged::schema_member(),
        ("has_more", json!({"type": "boolean"})),
        ("next", openapi::cursor()),
        ("previous", openapi::cursor()),
        ("total?", json!({"type": "integer", "minimum": 0, "description": "Where `total=true` asks for it."})),
        ("totals?", openapi::object(&histogram::sums_schema())),
    ];
    schemas.list(&record, &more)
}

/// Returns the schema of the answer of `GET /v1/requests.json`.
pub(super) fn all(schemas: &mut Schemas) -> Value {
    let record = openapi::of::<RequestRecord>(schemas);
    schemas.list(&record, &[damaged::schema_member()])
}

/// Returns 404: no record has the requested id.
fn no_request() -> ApiError {
    ApiError::invalid(
        StatusCode::NOT_FOUND,
        "request_not_found",
        "No record has this id. Ids are UUIDs in lower case, as in `x-headgate-request-id`; a record may take a few seconds to arrive.",
    )
    .param("id")
}

/// Returns the refusal of an id under which senders with different tokens delivered a record each.
fn several_requests() -> ApiError {
    ApiError::invalid(
        StatusCode::CONFLICT,
        "several_requests",
        "Records of several ingest tokens have this id, and one at most is the request's own. `GET /v1/requests?id=` lists them \
         with their `node` and `boot`; `GET /v1/audit?event_types=ingest.conflict` tells who delivered the later ones.",
    )
    .param("id")
}

/// Returns the record that a path names: its id as in the path, and its bytes.
pub(super) async fn named_request(app: &App, name: Option<String>) -> Result<(String, Vec<u8>), ApiError> {
    let text = name.ok_or_else(no_request)?;
    let id = parse_uuid(&text).ok_or_else(no_request)?;
    let mut found = app.readers.query(move |db| store::find_requests(db, &id)).await?;
    if found.len() > 1 {
        return Err(several_requests());
    }
    let found = found.pop().ok_or_else(no_request)?;
    Ok((text, damaged::intact_or_error(&app.damage, Log::Requests, found).await?))
}

/// Returns the record that a path names: its id as in the path, and its position.
pub(super) async fn named_position(app: &App, name: Option<String>) -> Result<(String, i64), ApiError> {
    let text = name.ok_or_else(no_request)?;
    let id = parse_uuid(&text).ok_or_else(no_request)?;
    match app.readers.query(move |db| store::request_positions(db, &id)).await?.as_slice() {
        [] => Err(no_request()),
        [position] => Ok((text, *position)),
        _ => Err(several_requests()),
    }
}

fn body(page: &RequestPage, query: &RequestQuery, totals: &Totals, damaged: &[i64]) -> Vec<u8> {
    let size: usize = page.records.iter().map(|record| record.size() + 1).sum();
    let mut out = Vec::with_capacity(size + 128);
    out.extend_from_slice(b"{\"object\":\"list\",\"data\":[");
    damaged::write_members(&mut out, page.records.iter());
    let shown = |place: Option<i64>| place.map_or("null".to_owned(), |at| format!("\"{}\"", cursor(at)));
    let (next, previous) = (shown(next(page, query)), shown(previous(page, query)));
    let damaged = damaged::damaged_member(damaged);
    let mut tail = format!("],{damaged},\"has_more\":{},\"next\":{next},\"previous\":{previous}", page.has_more);
    if let Some(total) = totals.total {
        tail.push_str(&format!(",\"total\":{total}"));
    }
    if let Some(sums) = &totals.totals {
        tail.push_str(&format!(",\"totals\":{}", Value::Object(histogram::sums(sums))));
    }
    out.extend_from_slice(tail.as_bytes());
    out.push(b'}');
    out
}

/// Returns the start of the next page. In ascending order there always is one, since the log grows: a client can keep it.
pub(super) fn next(page: &RequestPage, query: &RequestQuery) -> Option<i64> {
    match query.order {
        Order::Descending => page.last.filter(|_| page.has_more || query.before.is_some()),
        Order::Ascending => Some(page.last.or(query.after).unwrap_or(0)),
    }
}

/// Returns the end of the previous page; `None` if this page is known to be the first.
pub(super) fn previous(page: &RequestPage, query: &RequestQuery) -> Option<i64> {
    let led_here = query.after.is_some() || (query.before.is_some() && page.has_more);
    page.first.filter(|_| led_here)
}
