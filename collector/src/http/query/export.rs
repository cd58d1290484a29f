//! `/v1/requests.json`, `.ndjson` and `.csv`: everything that is filtered, as a stream.
//!
//! What is exported is read page by page while the client takes it, so neither a slow client nor ten million records hold a
//! connection to the database or more than a page of memory. The end is fixed at the beginning: records that arrive
//! meanwhile are not part of it. A record that the disk did not keep as it was is named in its place (in JSON, in `damaged`
//! at the end), so that what is exported never lacks one silently.

mod sheet;

use super::log;
use super::parameters::{self, Also};
use crate::http::App;
use crate::http::auth::Caller;
use crate::http::entries;
use crate::http::error::ApiError;
use crate::http::outlet::{BrokenOff, Outlet, download};
use crate::store::{self, Kept, ListQuery, Log, Order};
use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;

/// Media type of a record a line.
pub(in crate::http) const NDJSON: &str = "application/x-ndjson";
/// Media type of a spreadsheet (RFC 4180).
pub(in crate::http) const CSV: &str = "text/csv; charset=utf-8; header=present";

/// Records read at once.
const PAGE: usize = 500;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Ndjson,
    Csv,
}

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
    tokio::spawn(Export { app, query, left, format, damaged: Vec::new(), outlet }.run());
    Ok(download(body, format.content_type(), format.file()))
}

impl Format {
    const fn kind(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => NDJSON,
            Self::Csv => CSV,
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Json => "attachment; filename=\"requests.json\"",
            Self::Ndjson => "attachment; filename=\"requests.ndjson\"",
            Self::Csv => "attachment; filename=\"requests.csv\"",
        }
    }
}

/// A running export.
struct Export {
    app: App,
    query: ListQuery,
    left: usize,
    format: Format,
    damaged: Vec<i64>,
    outlet: Outlet,
}

impl Export {
    /// Sends everything. If the store fails midway, the body breaks off, so that nobody takes a part for the whole.
    async fn run(mut self) {
        let before = match self.format {
            Format::Json => b"{\"object\":\"list\",\"data\":[".to_vec(),
            Format::Ndjson => Vec::new(),
            Format::Csv => sheet::header(),
        };
        if self.outlet.send(before).await.is_err() || self.pages().await.is_err() {
            return self.outlet.break_off();
        }
        if self.format == Format::Json {
            // If the client is gone, nobody misses the end.
            let _ = self.outlet.send(format!("],{}}}", entries::damaged_member(&self.damaged)).into_bytes()).await;
        }
    }

    async fn pages(&mut self) -> Result<(), BrokenOff> {
        let mut first = true;
        while self.left > 0 {
            self.query.limit = self.left.min(PAGE);
            let query = self.query.clone();
            let page = self.app.readers.query(move |db| store::forward(db, &query)).await.map_err(|_| BrokenOff)?;
            self.left = self.left.saturating_sub(page.records.len());
            let damaged = entries::damaged(page.records.iter());
            self.app.damage.altered(Log::Requests, &damaged).await;
            self.damaged.extend(damaged);
            let bytes = self.written(&page.records, first);
            first = first && bytes.is_empty();
            self.outlet.send(bytes).await?;
            if !page.has_more {
                break;
            }
            self.query.after = page.last;
        }
        Ok(())
    }

    fn written(&self, records: &[Kept], first: bool) -> Vec<u8> {
        let mut out = Vec::new();
        match self.format {
            Format::Json => {
                entries::members(&mut out, records.iter());
                if !first && !out.is_empty() {
                    out.insert(0, b',');
                }
            }
            Format::Ndjson => records.iter().for_each(|record| line(&mut out, record)),
            Format::Csv => records.iter().for_each(|record| sheet::row(&mut out, record)),
        }
        out
    }
}

fn line(out: &mut Vec<u8>, record: &Kept) {
    match record {
        Kept::Sound(bytes) => out.extend_from_slice(bytes),
        Kept::Damaged(position) => {
            out.extend_from_slice(format!("{{\"object\":\"damaged\",\"position\":{position}}}").as_bytes());
        }
    }
    out.push(b'\n');
}
