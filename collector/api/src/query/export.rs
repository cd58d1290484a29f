//! `/v1/requests.json`, `.ndjson` and `.csv`: every record that matches the filters, as a stream.
//!
//! The end of the export is fixed at its start: records that arrive later are not part of it.

pub(crate) mod csv_columns;

use super::parameters::{RequestExport, RequestFilter};
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
use headgate_collector_store::{self as store, Order, RequestQuery};
use headgate_collector_types::{Log, StoredEntry};

/// Returns the handler of one format.
pub(crate) fn export(format: Format) -> MethodRouter<App> {
    get(move |app, caller, text, filtered, exported| run(app, caller, text, filtered, exported, format))
}

async fn run(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    Query(filtered): Query<RequestFilter>,
    Query(exported): Query<RequestExport>,
    format: Format,
) -> Result<Response, ApiError> {
    let mut query = RequestQuery { order: exported.order, ..filtered.query()? };
    let remaining = exported.limit.map_or(usize::MAX, Limit::count);
    let (sender, body) = app.exports.open()?;
    let end = app.readers.query(store::next_request_position).await?;
    if query.order == Order::Ascending {
        query.before = Some(end);
    } else {
        query.after = Some(end);
    }
    let source = Records { query };
    Export { app, source, remaining, format, sender }.start(body, &caller, text.as_deref()).await
}

/// Pages of the request log.
struct Records {
    query: RequestQuery,
}

impl PageSource for Records {
    const LOG: Log = Log::Requests;
    const EXPORTED: &'static str = "requests.exported";
    const MAX_PAGE: usize = 500;

    async fn next(&mut self, app: &App, max: usize) -> Result<ExportPage, StoreError> {
        self.query.limit = max;
        let query = self.query.clone();
        let page = app.readers.query(move |db| store::list_range(db, &query)).await?;
        self.query.after = page.last.or(self.query.after);
        Ok(ExportPage { entries: page.records, has_more: page.has_more })
    }

    fn header() -> Vec<u8> {
        csv_columns::header()
    }

    fn row(out: &mut Vec<u8>, entry: &StoredEntry) {
        csv_columns::row(out, entry);
    }
}
