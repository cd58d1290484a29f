//! `/v1/requests.json`, `.ndjson` and `.csv`: everything that is filtered, as a stream.
//!
//! The end is fixed at the beginning: records that arrive meanwhile are not part of it.

mod sheet;

use super::log;
use super::parameters::{self, Also};
use crate::http::App;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::export::{Export, Format, Pages, Piece};
use crate::http::outlet::{Outlet, download};
use crate::store::{self, Kept, ListQuery, Log, Order, StoreError};
use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;

/// `GET /v1/requests.json`.
pub(in crate::http) async fn json(
    app: State<App>,
    caller: Extension<Caller>,
    query: RawQuery,
) -> Result<Response, ApiError> {
    export(app, caller, query, Format::Json).await
}

/// `GET /v1/requests.ndjson`.
pub(in crate::http) async fn ndjson(
    app: State<App>,
    caller: Extension<Caller>,
    query: RawQuery,
) -> Result<Response, ApiError> {
    export(app, caller, query, Format::Ndjson).await
}

/// `GET /v1/requests.csv`.
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
    let mut query = wanted.list;
    let left = if wanted.limited { query.limit } else { usize::MAX };
    let (outlet, body) = Outlet::open(&app)?;
    let end = app.readers.query(store::next_position).await?;
    if query.order == Order::Ascending {
        query.before = Some(end);
    } else {
        query.after = Some(end);
    }
    app.note_export(&caller, "requests.exported", log(), format.kind(), &text).await?;
    tokio::spawn(Export { app, pages: Records { query }, left, format, outlet }.run());
    Ok(download(body, format.content_type(), file(format)))
}

const fn file(format: Format) -> &'static str {
    match format {
        Format::Json => "attachment; filename=\"requests.json\"",
        Format::Ndjson => "attachment; filename=\"requests.ndjson\"",
        Format::Csv => "attachment; filename=\"requests.csv\"",
    }
}

/// Pages of the request log.
struct Records {
    query: ListQuery,
}

impl Pages for Records {
    const LOG: Log = Log::Requests;
    const MOST: usize = 500;

    async fn next(&mut self, app: &App, most: usize) -> Result<Piece, StoreError> {
        self.query.limit = most;
        let query = self.query.clone();
        let page = app.readers.query(move |db| store::forward(db, &query)).await?;
        self.query.after = page.last.or(self.query.after);
        Ok(Piece { entries: page.records, has_more: page.has_more })
    }

    fn header() -> Vec<u8> {
        sheet::header()
    }

    fn row(out: &mut Vec<u8>, entry: &Kept) {
        sheet::row(out, entry);
    }
}
