//! `/v1/audit.json`, `.ndjson` and `.csv`: every audit entry that is filtered, as a stream.
//!
//! The end is fixed at the beginning, so that the entry about the export itself is not part of it.

mod sheet;

use super::parameters::{self, Also};
use crate::audit::Resource;
use crate::http::App;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::export::{Export, Format, Pages, Piece};
use crate::http::outlet::{Outlet, download};
use crate::store::{self, AuditQuery, Kept, Log, Order, StoreError};
use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;

/// `GET /v1/audit.json`.
pub(in crate::http) async fn json(
    app: State<App>,
    caller: Extension<Caller>,
    query: RawQuery,
) -> Result<Response, ApiError> {
    export(app, caller, query, Format::Json).await
}

/// `GET /v1/audit.ndjson`.
pub(in crate::http) async fn ndjson(
    app: State<App>,
    caller: Extension<Caller>,
    query: RawQuery,
) -> Result<Response, ApiError> {
    export(app, caller, query, Format::Ndjson).await
}

/// `GET /v1/audit.csv`.
pub(in crate::http) async fn csv(
    app: State<App>,
    caller: Extension<Caller>,
    query: RawQuery,
) -> Result<Response, ApiError> {
    export(app, caller, query, Format::Csv).await
}

async fn export(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    format: Format,
) -> Result<Response, ApiError> {
    let text = text.unwrap_or_default();
    let wanted = parameters::parse(&text, Also::Export)?;
    let mut query = wanted.query;
    let left = if wanted.limited { query.limit } else { usize::MAX };
    let (outlet, body) = Outlet::open(&app)?;
    let actors = query.clone();
    let (unknown, end) =
        app.readers.query(move |db| Ok((store::unknown_actor(db, &actors)?, store::next_audit_position(db)?))).await?;
    if unknown {
        return Err(parameters::unknown_actor());
    }
    (query.after, query.before) = match query.order {
        Order::Ascending => (Some(0), Some(end)),
        Order::Descending => (Some(end), None),
    };
    app.note_export(&caller, "audit.exported", Resource::new("log", "audit"), format.kind(), &text).await?;
    tokio::spawn(Export { app, pages: AuditEntries { query }, left, format, outlet }.run());
    Ok(download(body, format.content_type(), file(format)))
}

const fn file(format: Format) -> &'static str {
    match format {
        Format::Json => "attachment; filename=\"audit.json\"",
        Format::Ndjson => "attachment; filename=\"audit.ndjson\"",
        Format::Csv => "attachment; filename=\"audit.csv\"",
    }
}

/// Pages of the audit log.
struct AuditEntries {
    query: AuditQuery,
}

impl Pages for AuditEntries {
    const LOG: Log = Log::Audit;
    /// Fewer than of records: an entry may tell of 256 changes.
    const MOST: usize = 100;

    async fn next(&mut self, app: &App, most: usize) -> Result<Piece, StoreError> {
        self.query.limit = most;
        let query = self.query.clone();
        let page = app.readers.query(move |db| store::list_audit(db, &query)).await?;
        self.query.after = page.entries.last().map(|entry| entry.position).or(self.query.after);
        let entries = page.entries.into_iter().map(|entry| entry.kept).collect();
        Ok(Piece { entries, has_more: page.has_more })
    }

    fn header() -> Vec<u8> {
        sheet::header()
    }

    fn row(out: &mut Vec<u8>, entry: &Kept) {
        sheet::row(out, entry);
    }
}
