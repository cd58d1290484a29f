//! `GET /audit`: the audit log as a page. It reads as `GET /v1/audit` does.

use super::answer::see_other;
use super::frame::zone;
use super::visit::Visit;
use crate::app::App;
use crate::audit;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::query_string;
use crate::values::{cursor, invalid};
use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use headgate_collector_pages::audit::{Audit, AuditState, EntryRow};
use headgate_collector_pages::frame::Page;
use headgate_collector_store::{AuditPage, AuditRow};
use headgate_collector_types::audit::{Entry, Operation, Resource};
use headgate_collector_types::{Log, StoredEntry};

/// Rows of a page.
const ROWS: usize = 50;

/// Handles `GET /audit`.
pub(super) async fn list(visit: Visit) -> Response {
    let result = page(&visit).await;
    visit.shown(Page::Audit, result).await
}

/// Handles `GET /audit.csv`, `/audit.json` and `/audit.ndjson`: leads to the export of exactly what the page shows.
pub(super) async fn exported(RawQuery(query): RawQuery, headers: HeaderMap, end: &'static str) -> Response {
    match AuditState::read(query.as_deref().unwrap_or_default(), &zone(&headers)) {
        Ok(state) => see_other(&format!("/v1/audit.{end}?{}", state.parameters())),
        Err(message) => invalid(message, "invalid_parameter").into_response(),
    }
}

async fn page(visit: &Visit) -> Result<Response, ApiError> {
    let (app, caller, zone) = (&visit.app, &visit.caller, visit.zone.clone());
    let state = visit.state(|query| AuditState::read(query, &zone))?;
    let (found, problem) = match find(app, caller, &state).await {
        Ok(found) => (found, None),
        // A filter that names nobody is a problem of the form, and the form must stay.
        Err(error) if !error.is_server_side() => (AuditPage::default(), Some(error.into_parts().1)),
        Err(error) => return Err(error),
    };
    let last = found.entries.last().map(|entry| entry.position);
    // With `before`, `has_more` speaks of newer entries.
    let (has_newer, has_older) = match (&state.before, &state.after) {
        (Some(_), None) => (found.has_more, true),
        (_, after) => (after.is_some(), found.has_more),
    };
    let older = last.filter(|_| has_older).map(cursor);
    let newer = found.entries.first().map(|entry| entry.position).filter(|_| has_newer).map(cursor);
    let rows: Vec<EntryRow> = found.entries.into_iter().map(row).collect();
    let open = match &state.row {
        Some(id) => open(app, caller, id, &rows).await?,
        None => None,
    };
    let view = Audit { state, rows, newer, older, open, problem, zone };
    visit.page(Page::Audit, |frame| view.render(frame)).await
}

async fn find(app: &App, caller: &Caller, state: &AuditState) -> Result<AuditPage, ApiError> {
    let noted = state.parameters();
    let filtered = query_string::parse(&noted)?;
    let paging = form_urlencoded::Serializer::new(format!("limit={ROWS}"))
        .extend_pairs(state.after.as_ref().map(|after| ("after", after)))
        .extend_pairs(state.before.as_ref().map(|before| ("before", before)))
        .finish();
    let paged: audit::AuditPaging = query_string::parse(&paging)?;
    app.audit.search(caller, "audit.searched", Resource::new("log", "audit"), Some(&noted)).await?;
    let (page, _) = app.readers.query(move |db| audit::read(db, filtered, &paged)).await??;
    let damaged = crate::damaged::damaged(page.entries.iter().map(|entry| &entry.entry));
    app.damage.report_altered(Log::Audit, &damaged).await;
    Ok(page)
}

fn row(row: AuditRow) -> EntryRow {
    match row.entry {
        StoredEntry::Damaged(position) => EntryRow::Damaged(position),
        StoredEntry::Intact(bytes) => match serde_json::from_slice(&bytes) {
            Ok(entry) => EntryRow::Entry(Box::new(entry)),
            Err(_) => EntryRow::Unreadable(row.position),
        },
    }
}

/// Returns the opened entry, from the list or from the store, and notes that it was read.
async fn open(app: &App, caller: &Caller, id: &str, rows: &[EntryRow]) -> Result<Option<Box<Entry>>, ApiError> {
    let shown = rows.iter().find_map(|row| match row {
        EntryRow::Entry(entry) if entry.id == id => Some(entry.clone()),
        _ => None,
    });
    let entry = match shown {
        Some(entry) => entry,
        None => match audit::named(app, id).await {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| ApiError::internal())?,
            // A link to an entry that is gone shows the list without it.
            Err(_) => return Ok(None),
        },
    };
    let about = Resource::new("audit_entry", id);
    app.audit.note(Entry::new("audit_entry.read", Operation::Read, caller.actor(), about)).await;
    Ok(Some(entry))
}
