//! Exports of all entries of a log that match the filters, as a stream: JSON, NDJSON or a spreadsheet.
//!
//! The entries are read page by page as the client receives them, so neither a slow client nor ten million entries hold a
//! connection to the database or more than a page of memory. A damaged entry is named in its place (in JSON, in `damaged` at the
//! end), so no export omits an entry silently.

use super::app::App;
use super::caller::Caller;
use super::damaged;
use super::error::ApiError;
use super::export_stream::{Aborted, ExportSender, download};
use axum::body::Body;
use axum::response::Response;
use headgate_collector_db::StoreError;
use headgate_collector_types::audit::Resource;
use headgate_collector_types::{Log, StoredEntry};

/// Media type of NDJSON, one entry per line.
pub(super) const NDJSON: &str = "application/x-ndjson";
/// Media type of a spreadsheet (RFC 4180).
pub(super) const CSV: &str = "text/csv; charset=utf-8; header=present";

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Ndjson,
    Csv,
}

impl Format {
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => NDJSON,
            Self::Csv => CSV,
        }
    }
}

/// A part of an export.
#[derive(Debug)]
pub(super) struct ExportPage {
    pub(super) entries: Vec<StoredEntry>,
    pub(super) has_more: bool,
}

/// The content of an export: successive pages of a log, and the rows of its spreadsheet.
pub(super) trait PageSource: Send + 'static {
    /// The exported log.
    const LOG: Log;
    /// The type of the audit entry about the export.
    const EXPORTED: &'static str;
    /// Maximum number of entries of a page.
    const MAX_PAGE: usize;
    /// Reads the next page of at most `max` entries.
    fn next(&mut self, app: &App, max: usize) -> impl Future<Output = Result<ExportPage, StoreError>> + Send;
    /// Returns the header line of the spreadsheet.
    fn header() -> Vec<u8>;
    /// Writes an entry as a line of the spreadsheet.
    fn row(out: &mut Vec<u8>, entry: &StoredEntry);
}

/// A running export.
pub(super) struct Export<P> {
    pub(super) app: App,
    pub(super) source: P,
    /// Number of entries that may still be written.
    pub(super) remaining: usize,
    pub(super) format: Format,
    pub(super) sender: ExportSender,
}

impl<P: PageSource> Export<P> {
    /// Notes the export in the audit log and starts it. Returns the response, with the other end of the outlet as its body.
    ///
    /// `query` is the query string of the request.
    pub(super) async fn start(self, body: Body, caller: &Caller, query: Option<&str>) -> Result<Response, ApiError> {
        let (format, log) = (self.format, P::LOG.as_str());
        self.app.audit.export(caller, P::EXPORTED, Resource::new("log", log), format.kind(), query).await?;
        tokio::spawn(self.run());
        Ok(download(body, format.content_type(), &format!("{log}.{}", format.kind())))
    }

    /// Sends all entries. If the store fails midway, the body is aborted, so that the client does not take a part for the whole.
    async fn run(mut self) {
        let before = match self.format {
            Format::Json => b"{\"object\":\"list\",\"data\":[".to_vec(),
            Format::Ndjson => Vec::new(),
            Format::Csv => P::header(),
        };
        if self.sender.send(before).await.is_err() {
            return self.sender.abort();
        }
        let Ok(damaged) = self.send_pages().await else {
            return self.sender.abort();
        };
        if self.format == Format::Json {
            // An error here means that the client has disconnected.
            let _ = self.sender.send(format!("],{}}}", damaged::damaged_member(&damaged)).into_bytes()).await;
        }
    }

    /// Sends all pages; returns the positions of damaged entries.
    async fn send_pages(&mut self) -> Result<Vec<i64>, Aborted> {
        let mut all_damaged = Vec::new();
        let mut first = true;
        while self.remaining > 0 {
            let page = self.source.next(&self.app, self.remaining.min(P::MAX_PAGE)).await.map_err(|_| Aborted)?;
            self.remaining = self.remaining.saturating_sub(page.entries.len());
            let damaged = damaged::damaged(page.entries.iter());
            self.app.damage.report_altered(P::LOG, &damaged).await;
            all_damaged.extend(damaged);
            let bytes = self.encode(&page.entries, first);
            first = first && bytes.is_empty();
            self.sender.send(bytes).await?;
            if !page.has_more {
                break;
            }
        }
        Ok(all_damaged)
    }

    fn encode(&self, entries: &[StoredEntry], first: bool) -> Vec<u8> {
        let mut out = Vec::new();
        match self.format {
            Format::Json => {
                damaged::write_members(&mut out, entries.iter());
                if !first && !out.is_empty() {
                    out.insert(0, b',');
                }
            }
            Format::Ndjson => entries.iter().for_each(|entry| line(&mut out, entry)),
            Format::Csv => entries.iter().for_each(|entry| P::row(&mut out, entry)),
        }
        out
    }
}

fn line(out: &mut Vec<u8>, entry: &StoredEntry) {
    match entry {
        StoredEntry::Intact(bytes) => out.extend_from_slice(bytes),
        StoredEntry::Damaged(position) => {
            out.extend_from_slice(format!("{{\"object\":\"damaged\",\"position\":{position}}}").as_bytes());
        }
    }
    out.push(b'\n');
}
