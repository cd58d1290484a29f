//! `GET /v1/usage.csv`: all buckets, a result a line, as a stream.
//!
//! Read page by page while the client takes it, so that neither a slow client nor a long time holds a connection to the
//! database. With `total=true` the last line is the sum of those above it, whatever arrived meanwhile.

use super::answer::{PERCENTILES, histograms};
use super::parameters::{self, Also, Wanted};
use crate::audit::Resource;
use crate::http::App;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::export::CSV;
use crate::http::outlet::{BrokenOff, Outlet, download};
use crate::http::sheet::{line, usd};
use crate::store::{self, Counter, Totals, UsagePage};
use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

const FILE: &str = "attachment; filename=\"usage.csv\"";

/// `GET /v1/usage.csv`.
pub(in crate::http) async fn csv(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let text = text.unwrap_or_default();
    let wanted = parameters::parse(&text, Also::Export)?;
    let (outlet, body) = Outlet::open(&app)?;
    // The first page is read before the answer begins, so that what cannot be answered is refused.
    let first = read(&app, &wanted).await?;
    app.note_export(&caller, "usage.exported", Resource::new("log", "usage"), "csv", &text).await?;
    tokio::spawn(Export { app, wanted, total: Totals::default(), outlet }.run(first));
    Ok(download(body, CSV, FILE))
}

async fn read(app: &App, wanted: &Wanted) -> Result<UsagePage, ApiError> {
    let query = wanted.query.clone();
    Ok(app.readers.query(move |db| store::usage(db, &query)).await?)
}

/// A running export.
struct Export {
    app: App,
    wanted: Wanted,
    total: Totals,
    outlet: Outlet,
}

impl Export {
    /// Sends everything. If the store fails midway, the body breaks off, so that nobody takes a part for the whole.
    async fn run(mut self, first: UsagePage) {
        if self.pages(first).await.is_err() {
            self.outlet.break_off();
        }
    }

    async fn pages(&mut self, mut page: UsagePage) -> Result<(), BrokenOff> {
        self.outlet.send(self.header()).await?;
        loop {
            let lines = self.lines(&page);
            self.outlet.send(lines).await?;
            let Some(next) = page.next else { break };
            self.wanted.query.from = next;
            page = read(&self.app, &self.wanted).await.map_err(|_| BrokenOff)?;
        }
        if self.wanted.total {
            let (start, end) = (self.time(self.wanted.whole.from), self.time(self.wanted.whole.to));
            let groups = (0..self.wanted.groups.len()).map(|place| if place == 0 { "total" } else { "" }.to_owned());
            let mut out = Vec::new();
            line(&mut out, [start, end].into_iter().chain(groups).chain(self.cells(&self.total)));
            self.outlet.send(out).await?;
        }
        Ok(())
    }

    fn header(&self) -> Vec<u8> {
        let groups = self.wanted.groups.iter().map(|(name, _)| *name);
        let counters = Counter::ALL.iter().map(|counter| counter.name());
        let mut names: Vec<String> = ["start_time", "end_time"].into_iter().chain(groups).map(str::to_owned).collect();
        names.extend(counters.map(str::to_owned));
        names.push("cost_usd".to_owned());
        if self.wanted.query.percentiles {
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
        if self.wanted.query.percentiles {
            for (_, histogram) in histograms(totals) {
                let told = PERCENTILES.map(|(_, hundredths)| histogram.percentile(hundredths));
                cells.extend(told.map(|us| us.map_or(String::new(), |us| us.to_string())));
            }
        }
        cells
    }

    /// With the offset of the time zone: 2026-01-01T00:00:00+01:00.
    fn time(&self, second: i64) -> String {
        let zone = &self.wanted.query.calendar.zone;
        let told = Timestamp::from_second(second).ok().map(|at| {
            let offset = zone.to_offset(at);
            DateTimePrinter::new().timestamp_with_offset_to_string(&at, offset)
        });
        told.unwrap_or_else(|| second.to_string())
    }
}
