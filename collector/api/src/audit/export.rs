//! `/v1/audit.json`, `.ndjson` and `.csv`: every audit entry that matches the filters, as a stream.
//!
//! The end of the export is fixed at its start, so the entry about the export itself is not part of it.

pub(crate) mod csv_columns;

use super::parameters::{self, AuditExport, AuditFilter};
use crate::app::App;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::export::{Export, ExportPage, Format, PageSource};
use crate::query_string::Query;
use crate::values::Limit;
use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use headgate_collector_db::StoreError;
use headgate_collector_store::{self as store, AuditQuery, Order};
use headgate_collector_types::{Log, StoredEntry};

/// Returns the handler of one format.
pub(crate) fn export(format: Format) -> MethodRouter<App> {
    get(move |app, caller, text, filtered, exported| run(app, caller, text, filtered, exported, format))
}

async fn run(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    Query(filtered): Query<AuditFilter>,
    Query(exported): Query<AuditExport>,
    format: Format,
) -> Result<Response, ApiError> {
    let mut query = filtered.query(AuditEntries::MAX_PAGE);
    let remaining = exported.limit.map_or(usize::MAX, Limit::count);
    let (sender, body) = app.exports.open()?;
    let actors = query.clone();
    let (unknown, end) = app
        .readers
        .query(move |db| Ok((store::has_unknown_actor(db, &actors)?, store::next_audit_position(db)?)))
        .await?;
    if unknown {
        return Err(parameters::has_unknown_actor());
    }
    (query.after, query.before) = match query.order {
        Order::Ascending => (Some(0), Some(end)),
        Order::Descending => (Some(end), None),
    };
    let source = AuditEntries { query };
    Export { app, source, remaining, format, sender }.start(body, &caller, text.as_deref()).await
}

/// Pages of the audit log.
struct AuditEntries {
    query: AuditQuery,
}

impl PageSource for AuditEntries {
    const LOG: Log = Log::Audit;
    const EXPORTED: &'static str = "audit.exported";
    /// Smaller than for records: an entry may have 256 changes.
    const MAX_PAGE: usize = 100;

    async fn next(&mut self, app: &App, max: usize) -> Result<ExportPage, StoreError> {
        self.query.limit = max;
        let query = self.query.clone();
        let page = app.readers.query(move |db| store::list_audit(db, &query)).await?;
        self.query.after = page.entries.last().map(|entry| entry.position).or(self.query.after);
        let entries = page.entries.into_iter().map(|entry| entry.entry).collect();
        Ok(ExportPage { entries, has_more: page.has_more })
    }

    fn header() -> Vec<u8> {
        csv_columns::header()
    }

    fn row(out: &mut Vec<u8>, entry: &StoredEntry) {
        csv_columns::row(out, entry);
    }
}
