//! `GET /v1/requests`, `GET /v1/requests/{id}` and `GET /v1/gaps`.
//!
//! Records leave as the bytes that are stored, so that what a reader sees is what can be hashed.

mod parameters;

pub(super) use parameters::{bad, cursor, invalid, limit, pairs, position, shown, time, unknown};

use super::App;
use super::auth::Caller;
use super::error::{ApiError, json_response};
use crate::audit::{Entry, Operation, Resource};
use crate::store::{self, Order, Page};
use crate::validate::parse_uuid;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

/// `GET /v1/requests`.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let text = text.unwrap_or_default();
    let query = parameters::parse(&text)?;
    app.note_search(&caller, "requests.searched", Resource::new("log", "requests"), &text).await;
    let (order, after) = (query.order, query.after);
    let page = app.readers.query(move |db| store::list(db, &query)).await?;
    Ok(json_response(StatusCode::OK, body(&page, order, after)))
}

/// `GET /v1/requests/{id}`.
pub(super) async fn one(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    path: Option<Path<String>>,
) -> Result<Response, ApiError> {
    let Path(text) = path.ok_or_else(not_found)?;
    let id = parse_uuid(&text).ok_or_else(not_found)?;
    let found = app.readers.query(move |db| store::find(db, &id)).await?.ok_or_else(not_found)?;
    app.note(Entry::new("request.read", Operation::Read, caller.actor(), Resource::new("request", text))).await;
    Ok(json_response(StatusCode::OK, found))
}

/// `GET /v1/gaps`.
pub(super) async fn gaps(State(app): State<App>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    parameters::none(query.as_deref().unwrap_or_default())?;
    let (boots, has_more) = app.readers.query(store::gaps).await?;
    let body = serde_json::json!({"object": "list", "data": boots, "has_more": has_more});
    Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
}

fn not_found() -> ApiError {
    ApiError::invalid(
        StatusCode::NOT_FOUND,
        "request_not_found",
        "No record has this id. Ids are UUIDs in lower case, as in `x-headgate-request-id`; a record may take a few seconds to arrive.",
    )
    .param("id")
}

fn body(page: &Page, order: Order, after: Option<i64>) -> Vec<u8> {
    let size: usize = page.records.iter().map(|record| record.len() + 1).sum();
    let mut out = Vec::with_capacity(size + 128);
    out.extend_from_slice(b"{\"object\":\"list\",\"data\":[");
    for (place, record) in page.records.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(record);
    }
    let next = match next(page, order, after) {
        Some(position) => format!("\"{}\"", parameters::cursor(position)),
        None => "null".to_owned(),
    };
    let tail = format!("],\"has_more\":{},\"next\":{next}}}", page.has_more);
    out.extend_from_slice(tail.as_bytes());
    out
}

/// Where the next page begins. Ascending, there always is one, since the log goes on: keep it and ask again later.
fn next(page: &Page, order: Order, after: Option<i64>) -> Option<i64> {
    match order {
        Order::Descending => page.last.filter(|_| page.has_more),
        Order::Ascending => Some(page.last.or(after).unwrap_or(0)),
    }
}
