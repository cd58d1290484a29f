//! `GET /v1/audit`, `GET /v1/audit/{id}` and `POST /v1/audit`.
//!
//! The query is that of OpenAI's admin API for audit logs, so a client of that API can read this log. `order=asc` is an
//! addition: its `next` is always present and never skips an entry, however late that entry arrives.

mod check;
mod export;
mod parameters;

pub(super) use export::csv_columns as entry_sheet;
pub(super) use export::export;
pub(super) use parameters::{AuditExport, AuditFilter, AuditPaging};

use super::app::App;
use super::caller::Caller;
use super::damaged;
use super::error::{ApiError, json_response, stored_json};
use super::openapi::{self, Schemas};
use super::path_param::PathName;
use super::query_string::Query;
use super::values::cursor;
use axum::extract::{Extension, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{self as store, Appended, AuditPage, AuditQuery, Order, PreparedEntry};
use headgate_collector_types::Log;
use headgate_collector_types::audit::{Entry, Operation, Resource};
use headgate_collector_types::validate::parse_uuid;
use headgate_record::{Acknowledgement, Refusal};
use serde_json::{Value, json};

/// Handles `GET /v1/audit`.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    Query(filtered): Query<AuditFilter>,
    Query(paged): Query<AuditPaging>,
) -> Result<Response, ApiError> {
    app.audit.search(&caller, "audit.searched", Resource::new("log", "audit"), text.as_deref()).await?;
    let (page, query) = app.readers.query(move |db| read(db, filtered, &paged)).await??;
    let damaged = damaged::damaged(page.entries.iter().map(|entry| &entry.entry));
    app.damage.report_altered(Log::Audit, &damaged).await;
    Ok(stored_json(StatusCode::OK, body(&page, query.order, query.after, &damaged)))
}

/// Reads a page; returns it with its query, or the reason for a refusal.
pub(super) fn read(
    db: &Db,
    filtered: AuditFilter,
    paged: &AuditPaging,
) -> Result<Result<(AuditPage, AuditQuery), ApiError>, StoreError> {
    let Some(query) = paged.query(db, filtered)? else {
        return Ok(Err(parameters::unknown_entry()));
    };
    if store::has_unknown_actor(db, &query)? {
        return Ok(Err(parameters::has_unknown_actor()));
    }
    Ok(Ok((store::list_audit(db, &query)?, query)))
}

/// Handles `GET /v1/audit/{id}`.
pub(super) async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let text = name.ok_or_else(not_found)?;
    let found = named(&app, &text).await?;
    let resource = Resource::new("audit_entry", text);
    app.audit.note(Entry::new("audit_entry.read", Operation::Read, caller.actor(), resource)).await;
    Ok(stored_json(StatusCode::OK, found))
}

/// Returns the bytes of the entry with this id.
pub(super) async fn named(app: &App, id: &str) -> Result<Vec<u8>, ApiError> {
    let id = parse_uuid(id).ok_or_else(not_found)?;
    let found = app.readers.query(move |db| store::find_audit(db, &id)).await?.ok_or_else(not_found)?;
    damaged::intact_or_error(&app.damage, Log::Audit, found).await
}

/// Returns the entry that a path names: its id as in the path, and its position.
pub(super) async fn named_position(app: &App, name: Option<String>) -> Result<(String, i64), ApiError> {
    let text = name.ok_or_else(not_found)?;
    let id = parse_uuid(&text).ok_or_else(not_found)?;
    let position = app.readers.query(move |db| store::audit_position(db, &id)).await?.ok_or_else(not_found)?;
    Ok((text, position))
}

/// Handles `POST /v1/audit`.
pub(super) async fn append(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (permit, body) = app.bodies.read_max(request).await?;
    let mut checked = check::entries(&body).map_err(super::ingest::bad_batch)?;
    for (_, entry) in &mut checked.good {
        entry.delivered_by = Some(caller.deliverer());
    }
    let (places, ready): (Vec<_>, Vec<_>) = tokio::task::spawn_blocking(move || {
        checked
            .good
            .into_iter()
            .map(|(index, entry)| Ok((index, PreparedEntry::new(entry)?)))
            .collect::<Result<_, StoreError>>()
    })
    .await
    .map_err(|_| ApiError::internal())??;
    let sender = caller.sender();
    let append = move |tx: &Db| {
        let _permit = permit;
        store::append_from_sender(tx, &sender, ready)
    };
    let outcomes = crate::write_timeout::commit(&app.writes, "the entries", append).await?;
    let acknowledgement = acknowledged(checked.refused, places.into_iter().zip(outcomes));
    let body = serde_json::to_vec(&acknowledgement).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}

/// Returns the schema of the body of `POST /v1/audit`.
pub(super) fn entries(schemas: &mut Schemas) -> Value {
    let entry = openapi::of::<Entry>(schemas);
    openapi::object(&[("entries", openapi::individually_checked(&entry, check::MAX_ENTRIES))])
}

/// Returns the schema of the answer of `GET /v1/audit.json`.
pub(super) fn all(schemas: &mut Schemas) -> Value {
    let entry = openapi::of::<Entry>(schemas);
    schemas.list(&entry, &[damaged::schema_member()])
}

/// Returns the schema of the answer of `GET /v1/audit`.
pub(super) fn page(schemas: &mut Schemas) -> Value {
    let entry = openapi::of::<Entry>(schemas);
    let id = json!({"type": ["string", "null"]});
    let more = [
        damaged::schema_member(),
        ("first_id", id.clone()),
        ("last_id", id),
        ("has_more", json!({"type": "boolean"})),
        ("next", openapi::cursor()),
    ];
    schemas.list(&entry, &more)
}

fn acknowledged(refused: Vec<Refusal>, outcomes: impl Iterator<Item = (u64, Appended)>) -> Acknowledgement {
    let mut acknowledgement = Acknowledgement { refused, ..Acknowledgement::default() };
    for (index, outcome) in outcomes {
        match outcome {
            Appended::New { .. } => acknowledgement.stored += 1,
            Appended::Duplicate => acknowledgement.duplicates += 1,
            Appended::IdTaken => {
                let reason = "conflict: another entry with this id is stored".to_owned();
                acknowledgement.refused.push(Refusal { index, seq: None, reason });
            }
        }
    }
    acknowledgement.refused.sort_by_key(|refusal| refusal.index);
    acknowledgement
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
    damaged::write_members(&mut out, page.entries.iter().map(|entry| &entry.entry));
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
    let damaged = damaged::damaged_member(damaged);
    let tail =
        format!("],{damaged},\"first_id\":{first},\"last_id\":{last},\"has_more\":{},\"next\":{next}}}", page.has_more);
    out.extend_from_slice(tail.as_bytes());
    out
}
