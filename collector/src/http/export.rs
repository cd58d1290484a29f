//! Everything of a log that is filtered, as a stream: JSON, a line each, or a spreadsheet.
//!
//! What is exported is read page by page while the client takes it, so neither a slow client nor ten million entries hold a
//! connection to the database or more than a page of memory. An entry that the disk did not keep as it was is named in its place
//! (in JSON, in `damaged` at the end), so that what is exported never lacks one silently.

use super::App;
use super::entries;
use super::outlet::{BrokenOff, Outlet};
use crate::store::{Kept, Log, StoreError};

/// Media type of an entry a line.
pub(super) const NDJSON: &str = "application/x-ndjson";
/// Media type of a spreadsheet (RFC 4180).
pub(super) const CSV: &str = "text/csv; charset=utf-8; header=present";

/// How entries are written.
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
pub(super) struct Piece {
    pub(super) entries: Vec<Kept>,
    pub(super) has_more: bool,
}

/// What is exported: pages of a log, one after the other, and the rows of its spreadsheet.
pub(super) trait Pages: Send + 'static {
    /// The log.
    const LOG: Log;
    /// Most entries of a page.
    const MOST: usize;
    /// Reads the next page, of at most so many entries.
    fn next(&mut self, app: &App, most: usize) -> impl Future<Output = Result<Piece, StoreError>> + Send;
    /// The first line of the spreadsheet.
    fn header() -> Vec<u8>;
    /// Writes an entry as a line of it.
    fn row(out: &mut Vec<u8>, entry: &Kept);
}

/// A running export.
pub(super) struct Export<P> {
    pub(super) app: App,
    pub(super) pages: P,
    /// Entries that may still be written.
    pub(super) left: usize,
    pub(super) format: Format,
    pub(super) outlet: Outlet,
}

impl<P: Pages> Export<P> {
    /// Sends everything. If the store fails midway, the body breaks off, so that nobody takes a part for the whole.
    pub(super) async fn run(mut self) {
        let before = match self.format {
            Format::Json => b"{\"object\":\"list\",\"data\":[".to_vec(),
            Format::Ndjson => Vec::new(),
            Format::Csv => P::header(),
        };
        if self.outlet.send(before).await.is_err() {
            return self.outlet.break_off();
        }
        let Ok(damaged) = self.pages().await else {
            return self.outlet.break_off();
        };
        if self.format == Format::Json {
            // If the client is gone, nobody misses the end.
            let _ = self.outlet.send(format!("],{}}}", entries::damaged_member(&damaged)).into_bytes()).await;
        }
    }

    /// Sends page after page; gives the places of what is damaged.
    async fn pages(&mut self) -> Result<Vec<i64>, BrokenOff> {
        let mut all_damaged = Vec::new();
        let mut first = true;
        while self.left > 0 {
            let piece = self.pages.next(&self.app, self.left.min(P::MOST)).await.map_err(|_| BrokenOff)?;
            self.left = self.left.saturating_sub(piece.entries.len());
            let damaged = entries::damaged(piece.entries.iter());
            self.app.damage.altered(P::LOG, &damaged).await;
            all_damaged.extend(damaged);
            let bytes = self.written(&piece.entries, first);
            first = first && bytes.is_empty();
            self.outlet.send(bytes).await?;
            if !piece.has_more {
                break;
            }
        }
        Ok(all_damaged)
    }

    fn written(&self, entries: &[Kept], first: bool) -> Vec<u8> {
        let mut out = Vec::new();
        match self.format {
            Format::Json => {
                entries::members(&mut out, entries.iter());
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

fn line(out: &mut Vec<u8>, entry: &Kept) {
    match entry {
        Kept::Sound(bytes) => out.extend_from_slice(bytes),
        Kept::Damaged(position) => {
            out.extend_from_slice(format!("{{\"object\":\"damaged\",\"position\":{position}}}").as_bytes());
        }
    }
    out.push(b'\n');
}
