//! `GET /v1/usage.csv`: all buckets as a stream, one result per line.
//!
//! Buckets are read page by page as the client receives them, so neither a slow client nor a long period holds a connection to
//! the database. With `total=true` the last line is the sum of the lines above it, even if records arrived meanwhile.

use super::answer::{PERCENTILES, histograms};
use super::parameters::{UsageParams, UsageRequest};
use crate::app::App;
use crate::caller::Caller;
use crate::csv::{line, usd};
use crate::error::ApiError;
use crate::export::CSV;
use crate::export_stream::{Aborted, ExportSender, download};
use crate::query_string::Query;
use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use headgate_collector_store::{self as store, Counter, Totals, UsagePage};
use headgate_collector_types::audit::Resource;
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

/// Handles `GET /v1/usage.csv`.
pub(crate) async fn csv(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    Query(divided): Query<UsageParams>,
) -> Result<Response, ApiError> {
    let request = divided.export()?;
    let (sender, body) = app.exports.open()?;
    // The first page is read before the answer begins, so that a query that cannot be answered is rejected with an error status.
    let first = read(&app, &request).await?;
    app.audit.export(&caller, "usage.exported", Resource::new("log", "usage"), "csv", text.as_deref()).await?;
    tokio::spawn(UsageExport { app, request, total: Totals::default(), sender }.run(first));
    Ok(download(body, CSV, "usage.csv"))
}

async fn read(app: &App, request: &UsageRequest) -> Result<UsagePage, ApiError> {
    let query = request.query.clone();
    Ok(app.readers.query(move |db| store::usage(db, &query)).await?)
}

/// A running export.
struct UsageExport {
    app: App,
    request: UsageRequest,
    total: Totals,
    sender: ExportSender,
}

impl UsageExport {
    /// Sends all buckets. If the store fails midway, the body is aborted, so that the client does not take a part for the whole.
    async fn run(mut self, first: UsagePage) {
        if self.pages(first).await.is_err() {
            self.sender.abort();
        }
    }

    async fn pages(&mut self, mut page: UsagePage) -> Result<(), Aborted> {
        self.sender.send(self.header()).await?;
        loop {
            let lines = self.lines(&page);
            self.sender.send(lines).await?;
            let Some(next) = page.next else { break };
            self.request.query.from = next;
            page = read(&self.app, &self.request).await.map_err(|_| Aborted)?;
        }
        if self.request.total {
            let (start, end) = (self.time(self.request.whole.from), self.time(self.request.whole.to));
            let groups = (0..self.request.groups.len()).map(|place| if place == 0 { "total" } else { "" }.to_owned());
            let mut out = Vec::new();
            line(&mut out, [start, end].into_iter().chain(groups).chain(self.cells(&self.total)));
            self.sender.send(out).await?;
        }
        Ok(())
    }

    fn header(&self) -> Vec<u8> {
        let groups = self.request.groups.iter().map(|group| group.name);
        let counters = Counter::ALL.iter().map(|counter| counter.name());
        let mut names: Vec<String> = ["start_time", "end_time"].into_iter().chain(groups).map(str::to_owned).collect();
        names.extend(counters.map(str::to_owned));
        names.push("cost_usd".to_owned());
        if self.request.query.percentiles {
            let percentile = |of: &str| PERCENTILES.map(|(name, _)| format!("{of}_{name}"));
            names.extend(histograms(&self.total).into_iter().flat_map(|(of, _)| percentile(of)));
        }
        let mut out = Vec::new();
        line(&mut out, names.into_iter());
        out
    }

    fn lines(&mut self, page: &UsagePage) -> Vec<u8> {
        let mut out = Vec::new();
        for bucket in &page.buckets {
            let times = [self.time(bucket.start), self.time(bucket.end)];
            for row in &bucket.rows {
                let values = row.values.iter().map(|value| value.clone().unwrap_or_default());
                line(&mut out, times.iter().cloned().chain(values).chain(self.cells(&row.totals)));
                self.total.merge(&row.totals);
            }
        }
        out
    }

    fn cells(&self, totals: &Totals) -> Vec<String> {
        let mut cells: Vec<String> = Counter::ALL.iter().map(|counter| totals.get(*counter).to_string()).collect();
        cells.push(usd(totals.get(Counter::Cost)));
        if self.request.query.percentiles {
            for (_, histogram) in histograms(totals) {
                let percentiles = PERCENTILES.map(|(_, hundredths)| histogram.percentile(hundredths));
                cells.extend(percentiles.map(|us| us.map_or(String::new(), |us| us.to_string())));
            }
        }
        cells
    }

    /// Formats a time with the offset of its zone: 2026-01-01T00:00:00+01:00.
    fn time(&self, second: i64) -> String {
        let zone = &self.request.query.calendar.zone;
        let text = Timestamp::from_second(second).ok().map(|at| {
            let offset = zone.to_offset(at);
            DateTimePrinter::new().timestamp_with_offset_to_string(&at, offset)
        });
        text.unwrap_or_else(|| second.to_string())
    }
}
