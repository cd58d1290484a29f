//! `GET /v1/audit`, `GET /v1/audit/{id}` and `POST /v1/audit`.
//!
//! The query is the one of OpenAI's admin API for audit logs, so that what follows that log follows this one. On top of it
//! stands `order=asc`: its `next` is always there and leads on without skipping an entry, however late it comes.

mod check;
mod export;
mod parameters;

pub(super) use export::{csv, json, ndjson};
pub(super) use parameters::{Also, described};

use super::App;
use super::auth::Caller;
use super::entries;
use super::error::{ApiError, json_response};
use super::named::Named;
use super::openapi::{self, Schemas};
use super::values::cursor;
use crate::audit::{Appended, Entry, Operation, Resource};
use crate::store::{self, AuditPage, Db, Log, Order, StoreError};
use crate::validate::parse_uuid;
use axum::extract::{Extension, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_record::{Acknowledgement, Refusal};
use parameters::Wanted;
use serde_json::{Value, json};

/// `GET /v1/audit`.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = query.unwrap_or_default();
    let wanted = parameters::parse(&query, Also::Pages)?;
    app.note_search(&caller, "audit.searched", Resource::new("log", "audit"), &query).await?;
    let order = wanted.query.order;
    let (page, after) = app.readers.query(move |db| read(db, wanted)).await??;
    let damaged = entries::damaged(page.entries.iter().map(|entry| &entry.kept));
    app.damage.altered(Log::Audit, &damaged).await;
    Ok(json_response(StatusCode::OK, body(&page, order, after, &damaged)))
}

/// A page and where it begins, or why it is refused.
fn read(db: &Db, wanted: Wanted) -> Result<Result<(AuditPage, Option<i64>), ApiError>, StoreError> {
    let Some(query) = wanted.resolve(db)? else {
        return Ok(Err(parameters::unknown_entry()));
    };
    if store::unknown_actor(db, &query)? {
        return Ok(Err(parameters::unknown_actor()));
    }
    Ok(Ok((store::list_audit(db, &query)?, query.after)))
}

/// `GET /v1/audit/{id}`.
pub(super) async fn one(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
) -> Result<Response, ApiError> {
    let text = name.ok_or_else(not_found)?;
    let id = parse_uuid(&text).ok_or_else(not_found)?;
    let found = app.readers.query(move |db| store::find_audit(db, &id)).await?.ok_or_else(not_found)?;
    let found = app.sound(Log::Audit, found).await?;
    let resource = Resource::new("audit_entry", text);
    app.note(Entry::new("audit_entry.read", Operation::Read, caller.actor(), resource)).await;
    Ok(json_response(StatusCode::OK, found))
}

/// `POST /v1/audit`.
pub(super) async fn append(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (held, body) = super::ingest::whole_body(&app, request).await?;
    let mut checked = check::entries(&body).map_err(super::ingest::bad_batch)?;
    for (_, entry) in &mut checked.good {
        entry.delivered_by = Some(caller.deliverer());
    }
    let append = move |tx: &Db| {
        let _held = held;
        let mut acknowledgement = Acknowledgement { refused: checked.refused, ..Acknowledgement::default() };
        for (index, entry) in &checked.good {
            append_one(tx, &mut acknowledgement, *index, entry)?;
        }
        acknowledgement.refused.sort_by_key(|refusal| refusal.index);
        Ok(acknowledgement)
    };
    let acknowledgement = app.commit("the entries", append).await?;
    let body = serde_json::to_vec(&acknowledgement).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}

/// The body of `POST /v1/audit` as it is read.
pub(super) fn entries(schemas: &mut Schemas) -> Value {
    let entry = openapi::of::<Entry>(schemas);
    openapi::object(&[("entries", openapi::each_by_itself(&entry, check::MAX_ENTRIES))])
}

/// The answer of `GET /v1/audit.json`.
pub(super) fn all(schemas: &mut Schemas) -> Value {
    let entry = openapi::of::<Entry>(schemas);
    schemas.list(&entry, &[entries::described()])
}

/// The answer of `GET /v1/audit`.
pub(super) fn page(schemas: &mut Schemas) -> Value {
    let entry = openapi::of::<Entry>(schemas);
    let id = json!({"type": ["string", "null"]});
    let more = [
        entries::described(),
        ("first_id", id.clone()),
        ("last_id", id),
        ("has_more", json!({"type": "boolean"})),
        ("next", openapi::cursor()),
    ];
    schemas.list(&entry, &more)
}

fn append_one(tx: &Db, acknowledgement: &mut Acknowledgement, index: u64, entry: &Entry) -> Result<(), StoreError> {
    match crate::audit::append(tx, entry)? {
        Appended::IdTaken if delivered_before(tx, entry)? => acknowledgement.duplicates += 1,
        Appended::New { .. } => acknowledgement.stored += 1,
        Appended::Again => acknowledgement.duplicates += 1,
        Appended::IdTaken => {
            let reason = "conflict: another entry with this id is stored".to_owned();
            acknowledgement.refused.push(Refusal { index, seq: None, reason });
        }
    }
    Ok(())
}

/// Whether the same entry is stored, and only came from elsewhere when it came first.
fn delivered_before(tx: &Db, entry: &Entry) -> Result<bool, StoreError> {
    let Some(id) = parse_uuid(&entry.id) else { return Ok(false) };
    let stored = store::find_audit(tx, &id)?;
    let Some(stored) = stored.as_ref().and_then(|kept| serde_json::from_slice::<Entry>(kept.sound()?).ok()) else {
        return Ok(false);
    };
    let again = Entry { delivered_by: stored.delivered_by, ..entry.clone() };
    Ok(crate::audit::append(tx, &again)? == Appended::Again)
}

fn not_found() -> ApiError {
    ApiError::invalid(
        StatusCode::NOT_FOUND,
        "audit_entry_not_found",
        "No audit entry has this id. Ids are UUIDs in lower case; GET /v1/audit lists them.",
    )
    .param("id")
}

fn body(page: &AuditPage, order: Order, after: Option<i64>, damaged: &[i64]) -> Vec<u8> {
    let mut out = b"{\"object\":\"list\",\"data\":[".to_vec();
    entries::members(&mut out, page.entries.iter().map(|entry| &entry.kept));
    let id = |entry: Option<&store::AuditRow>| {
        entry.map_or("null".to_owned(), |entry| format!("\"{}\"", uuid::Uuid::from_bytes(entry.id).hyphenated()))
    };
    let last = page.entries.last().map(|entry| entry.position);
    let next = match order {
        Order::Descending => last.filter(|_| page.has_more),
        Order::Ascending => Some(last.or(after).unwrap_or(0)),
    };
    let next = next.map_or("null".to_owned(), |position| format!("\"{}\"", cursor(position)));
    let (first, last) = (id(page.entries.first()), id(page.entries.last()));
    let damaged = entries::damaged_member(damaged);
    let tail =
        format!("],{damaged},\"first_id\":{first},\"last_id\":{last},\"has_more\":{},\"next\":{next}}}", page.has_more);
    out.extend_from_slice(tail.as_bytes());
    out
}
