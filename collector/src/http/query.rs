//! `GET /v1/requests` and `GET /v1/requests/{id}`.
//!
//! Records leave as the bytes that are stored, so that what a reader sees is what can be hashed.

mod export;
mod facet;
mod filters;
mod parameters;

pub(super) use export::{csv, json, ndjson};
pub(super) use facet::{facets, spread};
pub(super) use filters::{Filters, NAMES, class, status, statuses, with_not};
pub(super) use parameters::{Also, described};

use super::App;
use super::auth::Caller;
use super::entries;
use super::error::{ApiError, json_response};
use super::named::Named;
use super::openapi::{self, Schemas};
use super::values::cursor;
use crate::audit::{Entry, Operation, Resource};
use crate::store::{self, Column, FacetQuery, Kept, ListQuery, Log, Order, Page};
use crate::validate::parse_uuid;
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_record::RequestRecord;
use serde_json::{Value, json};

/// `GET /v1/requests`.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let text = text.unwrap_or_default();
    let wanted = parameters::parse(&text, Also::Pages)?;
    app.note_search(&caller, "requests.searched", log(), &text).await?;
    let query = wanted.list.clone();
    let (page, total) = app
        .readers
        .query(move |db| {
            let counted = wanted.total.then(|| store::facets(db, &counting(&wanted.list, Vec::new()))).transpose()?;
            Ok((store::list(db, &wanted.list)?, counted.map(|counted| counted.total)))
        })
        .await?;
    let damaged = entries::damaged(page.records.iter());
    app.damage.altered(Log::Requests, &damaged).await;
    Ok(json_response(StatusCode::OK, body(&page, &query, total, &damaged)))
}

fn log() -> Resource {
    Resource::new("log", "requests")
}

fn counting(list: &ListQuery, columns: Vec<Column>) -> FacetQuery {
    FacetQuery { filters: list.filters.clone(), from: list.from, to: list.to, columns, names: facet::VALUES }
}

/// `GET /v1/requests/{id}`.
pub(super) async fn one(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
) -> Result<Response, ApiError> {
    let (text, found) = app.request(name).await?;
    app.note(Entry::new("request.read", Operation::Read, caller.actor(), Resource::new("request", text))).await;
    Ok(json_response(StatusCode::OK, found))
}

/// The answer of `GET /v1/requests`.
pub(super) fn page(schemas: &mut Schemas) -> Value {
    let record = openapi::of::<RequestRecord>(schemas);
    let more = [
        entries::described(),
        ("has_more", json!({"type": "boolean"})),
        ("next", openapi::cursor()),
        ("previous", openapi::cursor()),
        ("total?", json!({"type": "integer", "minimum": 0, "description": "Where `total=true` asks for it."})),
    ];
    schemas.list(&record, &more)
}

/// The answer of `GET /v1/requests.json`.
pub(super) fn all(schemas: &mut Schemas) -> Value {
    let record = openapi::of::<RequestRecord>(schemas);
    schemas.list(&record, &[entries::described()])
}

/// No record has the id that was asked for.
fn no_request() -> ApiError {
    ApiError::invalid(
        StatusCode::NOT_FOUND,
        "request_not_found",
        "No record has this id. Ids are UUIDs in lower case, as in `x-headgate-request-id`; a record may take a few seconds to arrive.",
    )
    .param("id")
}

impl App {
    /// The record that a path names: its id as it was written, and its bytes.
    pub(super) async fn request(&self, name: Option<String>) -> Result<(String, Vec<u8>), ApiError> {
        let text = name.ok_or_else(no_request)?;
        let id = parse_uuid(&text).ok_or_else(no_request)?;
        let found = self.readers.query(move |db| store::find(db, &id)).await?.ok_or_else(no_request)?;
        Ok((text, self.sound(Log::Requests, found).await?))
    }

    /// The bytes of an entry that was looked up; if they are damaged, that is noted and is the answer.
    pub(super) async fn sound(&self, log: Log, found: Kept) -> Result<Vec<u8>, ApiError> {
        match found {
            Kept::Sound(bytes) => Ok(bytes),
            Kept::Damaged(position) => {
                self.damage.altered(log, &[position]).await;
                Err(ApiError::damaged(position))
            }
        }
    }
}

fn body(page: &Page, query: &ListQuery, total: Option<u64>, damaged: &[i64]) -> Vec<u8> {
    let size: usize = page.records.iter().map(|record| record.size() + 1).sum();
    let mut out = Vec::with_capacity(size + 128);
    out.extend_from_slice(b"{\"object\":\"list\",\"data\":[");
    entries::members(&mut out, page.records.iter());
    let shown = |place: Option<i64>| place.map_or("null".to_owned(), |at| format!("\"{}\"", cursor(at)));
    let (next, previous) = (shown(next(page, query)), shown(previous(page, query)));
    let damaged = entries::damaged_member(damaged);
    let mut tail = format!("],{damaged},\"has_more\":{},\"next\":{next},\"previous\":{previous}", page.has_more);
    if let Some(total) = total {
        tail.push_str(&format!(",\"total\":{total}"));
    }
    out.extend_from_slice(tail.as_bytes());
    out.push(b'}');
    out
}

/// Where the next page begins. Ascending, there always is one, since the log goes on: keep it and ask again later.
fn next(page: &Page, query: &ListQuery) -> Option<i64> {
    match query.order {
        Order::Descending => page.last.filter(|_| page.has_more || query.before.is_some()),
        Order::Ascending => Some(page.last.or(query.after).unwrap_or(0)),
    }
}

/// Where the page before this one ends; none if this is known to be the first.
fn previous(page: &Page, query: &ListQuery) -> Option<i64> {
    let led_here = query.after.is_some() || (query.before.is_some() && page.has_more);
    page.first.filter(|_| led_here)
}
