//! `GET /logs` and `GET /logs/{id}`: the request log as pages. They read through the functions of `/v1/requests`, so filters,
//! bounds and audit notes exist once.

use super::answer::see_other;
use super::frame::{Choice, has_local_time, zone};
use super::visit::Visit;
use crate::access::Access;
use crate::app::App;
use crate::error::ApiError;
use crate::path_param::PathName;
use crate::query::{self, Filters};
use crate::values::{Cursor, ParamValue, Position, bad, cursor, invalid};
use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use headgate_collector_columns::{self as columns, Filter, Histogram, Sums, SurveyQuery};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_pages::frame::Page;
use headgate_collector_pages::logs::{
    AUTO_S, Bar, Bars, Change, FACETS, Facet, LogDay, Logs, LogsFound, LogsState, RANGES, Range, RequestRow, Rules,
    Sheet, Totals, export_address, words_of,
};
use headgate_collector_pages::search::{self, Parameters, Problem, Term};
use headgate_collector_pages::text::Zone;
use headgate_collector_store::{self as store, PolicyName, RequestQuery};
use headgate_collector_types::audit::{Entry, Operation, Resource};
use headgate_collector_types::{Log, RequestOutcome, StoredEntry, clock};
use headgate_record::RequestRecord;
use std::collections::HashMap;

/// Maximum number of bars of the histogram.
const BARS: usize = 96;
/// Maximum number of days of a page whose records are counted.
const COUNTED_DAYS: usize = 7;
const HOUR_US: i64 = 3_600_000_000;

/// Handles `GET /logs`.
pub(super) async fn list(visit: Visit, headers: HeaderMap) -> Response {
    let result = page(&visit, &headers).await;
    visit.shown(Page::Logs, result).await
}

async fn page(visit: &Visit, headers: &HeaderMap) -> Result<Response, ApiError> {
    let (now, zone) = (clock::now_us(), visit.zone.clone());
    let state = visit.state(|query| LogsState::read(query, &zone))?;
    if has_local_time(&visit.query) {
        // The address of a page means the same in every zone.
        return Ok(see_other(&state.url()));
    }
    let rows = state.rows(Choice::Rows.remembered(headers).and_then(|text| text.parse().ok()));
    let columns = state.added_columns(Choice::Columns.remembered(headers));
    let read = search::parse(&state.q).and_then(|terms| Ok((filters(&terms)?, terms)));
    let (terms, found) = match read {
        Err(problem) => (Vec::new(), Err(problem)),
        Ok((filters, terms)) => {
            let search = LogsSearch { state: &state, terms: &terms, filters, zone: &zone, rows, now };
            let found = find(visit, &search).await?;
            (terms, Ok(found))
        }
    };
    // An open record is not read again and again.
    let refresh = ((state.auto || state.live) && state.row.is_none()).then_some(AUTO_S);
    let rows_chosen = state.size.map(|size| Choice::Rows.remember(&size.to_string()));
    let columns_chosen = state.columns.as_ref().map(|columns| Choice::Columns.remember(&words_of(columns)));
    let view = Logs { state, terms, found, rows, columns, zone, now };
    let page = visit.page_every(refresh, Page::Logs, |frame| view.render(frame)).await?;
    Ok((rows_chosen, columns_chosen, page).into_response())
}

/// Handles `GET /logs.csv`, `/logs.json` and `/logs.ndjson`: leads to the export of exactly what the page shows.
pub(super) async fn exported(RawQuery(query): RawQuery, headers: HeaderMap, end: &'static str) -> Response {
    let found = LogsState::read(query.as_deref().unwrap_or_default(), &zone(&headers))
        .map_err(|message| invalid(message, "invalid_parameter"));
    let address = found.and_then(|state| {
        let terms = search::parse(&state.q).map_err(|problem| bad("q", &problem.message))?;
        Ok(export_address(&state, &terms, clock::now_us(), end))
    });
    address.map_or_else(IntoResponse::into_response, |address| see_other(&address))
}

/// Returns the conditions of a search, or the first term with a value that its filter does not have.
fn filters(terms: &[Term]) -> Result<Vec<Filter>, Problem> {
    let mut filters = Vec::new();
    for term in terms {
        let read = Filters::<false>::of(term.parameters()?).read();
        let refused = |error: ApiError| Problem { term: term.to_string(), message: error.into_parts().1 };
        filters.extend(read.map_err(refused)?);
    }
    Ok(filters)
}

/// A search of the page.
struct LogsSearch<'a> {
    state: &'a LogsState,
    terms: &'a [Term],
    filters: Vec<Filter>,
    zone: &'a Zone,
    rows: usize,
    now: i64,
}

impl LogsSearch<'_> {
    /// Returns the query for one page of the list.
    fn query(&self) -> Result<RequestQuery, ApiError> {
        let (from, to) = self.state.range.bounds(self.now);
        let position = |text: &Option<String>, name: &str| {
            let read = text.as_ref().map(|text| Position::read(text).map_err(|must| bad(name, &must)));
            read.transpose().map(|cursor| cursor.map(|Cursor([position])| position))
        };
        let (after, before) = (position(&self.state.after, "after")?, position(&self.state.before, "before")?);
        let filters = self.filters.clone();
        Ok(RequestQuery { filters, from, to, limit: self.rows, after, before, ..RequestQuery::default() })
    }

    /// Returns the search as the audit log notes it. A range up to now is noted by its name, so that a page that reloads
    /// itself is one search.
    fn noted(&self) -> String {
        let parameters = self.terms.iter().filter_map(|term| term.parameters().ok());
        let mut all: Parameters = parameters.flatten().collect();
        match self.state.range {
            Range::All => {}
            Range::Last(place) => {
                all.extend(RANGES.get(place).map(|(word, ..)| ("range".to_owned(), (*word).to_owned())))
            }
            Range::Between(from, to) => {
                let bound = |name: &str, us: Option<i64>| us.map(|us| (name.to_owned(), us.to_string()));
                all.extend([bound("from", from), bound("to", to)].into_iter().flatten());
            }
        }
        form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish()
    }
}

/// Everything that a page shows of the store, from one snapshot.
struct LogsSnapshot {
    /// Positions of damaged entries of the page.
    damaged: Vec<i64>,
    days: Vec<LogDay>,
    newer: Option<String>,
    older: Option<String>,
    histogram: Histogram,
    facets: Vec<Vec<(String, u64)>>,
    log_is_empty: bool,
}

fn snapshot(db: &Db, query: &RequestQuery, zone: &Zone, now: i64) -> Result<LogsSnapshot, StoreError> {
    let page = store::list_requests(db, query)?;
    let names = FACETS.map(|column| column.parameter);
    let (damaged, newer, older) = (
        crate::damaged::damaged(page.records.iter()),
        query::previous(&page, query).map(cursor),
        query::next(&page, query).map(cursor),
    );
    let log_is_empty = page.records.is_empty() && store::next_request_position(db)? <= 1;
    let mut days = days(zone, now, page.records);
    let facets = query::counting(query, query::columns_of(&names));
    let found = columns::survey(db, &SurveyQuery { facets, bars: BARS, ranges: bounds(query, &days) })?;
    // The same day comes again if a record arrived late.
    let counts: HashMap<_, _> = bounds(query, &days).into_iter().zip(found.counts).collect();
    for (known, day) in &mut days {
        day.count = known.and_then(|known| counts.get(&within(query, known)).copied());
    }
    Ok(LogsSnapshot {
        damaged,
        newer,
        older,
        log_is_empty,
        histogram: found.histogram,
        facets: query::values(&names, found.facets),
        days: days.into_iter().map(|(_, day)| day).collect(),
    })
}

/// A day of the list with its bounds, µs, if it has them.
type BoundedDay = (Option<(i64, i64)>, LogDay);

/// Groups rows by day; a row without a time belongs to the day of the row before it.
fn days(zone: &Zone, now: i64, entries: Vec<StoredEntry>) -> Vec<BoundedDay> {
    let mut days: Vec<BoundedDay> = Vec::new();
    for row in entries.into_iter().map(row) {
        let bounds = started(&row).and_then(|us| zone.day_bounds(us));
        match days.last_mut() {
            Some((known, day)) if bounds.is_none() || *known == bounds => day.rows.push(row),
            _ => {
                let title = bounds.map_or_else(String::new, |(from, _)| zone.day(from, now));
                days.push((bounds, LogDay { title, count: None, rows: vec![row] }));
            }
        }
    }
    days
}

/// Returns the ranges of time whose matching records are counted: those of the first days.
fn bounds(query: &RequestQuery, days: &[BoundedDay]) -> Vec<(i64, i64)> {
    days.iter().take(COUNTED_DAYS).filter_map(|(bounds, _)| Some(within(query, (*bounds)?))).collect()
}

/// Returns the part of a range that a query covers.
fn within(query: &RequestQuery, (from, to): (i64, i64)) -> (i64, i64) {
    (query.from.map_or(from, |bound| bound.max(from)), query.to.map_or(to, |bound| bound.min(to)))
}

async fn find(visit: &Visit, search: &LogsSearch<'_>) -> Result<LogsFound, ApiError> {
    let (app, query) = (&visit.app, search.query()?);
    app.audit.search(&visit.caller, "requests.searched", query::log(), Some(&search.noted())).await?;
    let (zone, now) = (search.zone.clone(), search.now);
    let seen = app.readers.query(move |db| snapshot(db, &query, &zone, now)).await?;
    app.damage.report_altered(Log::Requests, &seen.damaged).await;
    let sheet = match &search.state.row {
        Some(id) => sheet(visit, search, id, &seen.days).await?,
        None => None,
    };
    Ok(LogsFound {
        totals: totals(&seen.histogram.total()),
        bars: view_of(&seen.histogram),
        facets: FACETS.into_iter().zip(seen.facets).map(|(column, values)| Facet { column, values }).collect(),
        days: seen.days,
        newer: seen.newer,
        older: seen.older,
        sheet: sheet.map(Box::new),
        log_is_empty: seen.log_is_empty,
    })
}

fn totals(sums: &Sums) -> Totals {
    Totals {
        requests: sums.requests(),
        errors: sums.of(RequestOutcome::Error),
        refused: sums.of(RequestOutcome::Refused),
        tokens: sums.input_tokens.saturating_add(sums.output_tokens),
        cost_nano_usd: sums.cost_nano_usd,
    }
}

fn view_of(histogram: &Histogram) -> Bars {
    let bar = |sums: &Sums| Bar {
        success: sums.of(RequestOutcome::Success),
        refused: sums.of(RequestOutcome::Refused),
        error: sums.of(RequestOutcome::Error),
        aborted: sums.of(RequestOutcome::Aborted),
        cost_nano_usd: sums.cost_nano_usd,
    };
    Bars { start: histogram.start, width: histogram.width, bars: histogram.bars.iter().map(bar).collect() }
}

fn row(entry: StoredEntry) -> RequestRow {
    match entry {
        StoredEntry::Damaged(position) => RequestRow::Damaged(position),
        StoredEntry::Intact(bytes) => match serde_json::from_slice(&bytes) {
            Ok(record) => RequestRow::Record(Box::new(record)),
            Err(_) => RequestRow::Unreadable,
        },
    }
}

fn started(row: &RequestRow) -> Option<i64> {
    match row {
        RequestRow::Record(record) => i64::try_from(record.started_at).ok(),
        RequestRow::Damaged(_) | RequestRow::Unreadable => None,
    }
}

/// Returns the sheet of a record with its neighbours in the list.
async fn sheet(visit: &Visit, search: &LogsSearch<'_>, id: &str, days: &[LogDay]) -> Result<Option<Sheet>, ApiError> {
    let records: Vec<_> = days.iter().flat_map(|day| &day.rows).filter_map(record).collect();
    let place = records.iter().position(|known| known.id == id);
    // Several senders may have used one id.
    let other = |at: Option<usize>| records.get(at?).filter(|other| other.id != id);
    let neighbour = |at: Option<usize>| Some(search.state.with_row(Some(&other(at)?.id)).url());
    let newer = neighbour(place.and_then(|place| place.checked_sub(1)));
    let older = neighbour(place.map(|place| place + 1));
    let record = match place.and_then(|place| records.get(place)) {
        Some(record) => (*record).clone(),
        None => match named(&visit.app, id).await {
            Ok(record) => record,
            // A link to a record that retention has deleted shows the list without it.
            Err(_) => return Ok(None),
        },
    };
    read(visit, id).await;
    let rules = rules(visit, &record).await?;
    Ok(Some(Sheet { record, rules, newer, older }))
}

fn record(row: &RequestRow) -> Option<&RequestRecord> {
    match row {
        RequestRow::Record(record) => Some(record),
        RequestRow::Damaged(_) | RequestRow::Unreadable => None,
    }
}

/// Notes that a record was read.
async fn read(visit: &Visit, id: &str) {
    let about = Resource::new("request", id);
    visit.app.audit.note(Entry::new("request.read", Operation::Read, visit.caller.actor(), about)).await;
}

/// Returns a record that another page shows, and notes that it was read.
pub(super) async fn read_record(visit: &Visit, id: &str) -> Result<RequestRecord, ApiError> {
    let record = named(&visit.app, id).await?;
    read(visit, id).await;
    Ok(record)
}

async fn named(app: &App, id: &str) -> Result<RequestRecord, ApiError> {
    let (_, bytes) = query::named_request(app, Some(id.to_owned())).await?;
    serde_json::from_slice(&bytes).map_err(|_| ApiError::internal())
}

/// Returns the policy of a request, for readers of the audit log, and notes that it was read.
async fn rules(visit: &Visit, record: &RequestRecord) -> Result<Option<Rules>, ApiError> {
    if !visit.may(Access::Audit) {
        return Ok(None);
    }
    let about = Resource::new("request", &record.id).named(record.config_revision.clone());
    visit.app.audit.note(Entry::new("request.policy_read", Operation::Read, visit.caller.actor(), about)).await;
    let (config, started) = (record.config_revision.clone(), i64::try_from(record.started_at).unwrap_or(i64::MAX));
    let found = visit.app.readers.query(move |db| rules_of(db, &config, started)).await?;
    Ok(Some(found))
}

/// Maximum number of changes that a sheet lists.
const CHANGES: usize = 20;

fn rules_of(db: &Db, config: &str, started: i64) -> Result<Rules, StoreError> {
    let revision = store::policy_of_request(db, config, started)?;
    let mut changes = Vec::new();
    let mut latest = store::policy_at(db, started)?;
    let earliest = started.saturating_sub(HOUR_US);
    while let Some(change) = latest.filter(|change| change.effective_at >= earliest && changes.len() < CHANGES) {
        latest = store::policy_revision(db, &PolicyName::Number(change.number.saturating_sub(1)))?;
        changes.push(Change {
            time: change.effective_at,
            actor: change.by.name.unwrap_or(change.by.id),
            event: "policy put in force".to_owned(),
            resource: format!("revision {}", change.number),
        });
    }
    Ok(Rules { revision: revision.map(|revision| revision.number), changes })
}

/// Handles `GET /logs/{id}`.
pub(super) async fn one(visit: Visit, PathName(name): PathName) -> Response {
    let result = alone(&visit, name.unwrap_or_default()).await;
    visit.shown(Page::Logs, result).await
}

async fn alone(visit: &Visit, id: String) -> Result<Response, ApiError> {
    let record = read_record(visit, &id).await?;
    let rules = rules(visit, &record).await?;
    let view = Sheet { record, rules, newer: None, older: None };
    visit.page(Page::Logs, |frame| view.render(frame, &visit.zone)).await
}
