//! The list: records by day, in a table whose rows are links.

use super::links::{addresses, filtered};
use super::{Logs, LogsFound, optional};
use crate::{parts, text};
use headgate_collector_types::RequestOutcome;
use headgate_record::{AttemptRecord, RequestRecord, RequestSource};
use maud::{Markup, html};

/// The records of a day.
#[derive(Debug)]
pub struct LogDay {
    /// The heading: `Today`, `Mar 14`.
    pub title: String,
    /// The number of records of the day that match, on all pages, if it was counted.
    pub count: Option<u64>,
    /// The rows, the newest first.
    pub rows: Vec<RequestRow>,
}

/// An entry of the list.
#[derive(Debug)]
pub enum RequestRow {
    /// A record.
    Record(Box<RequestRecord>),
    /// An entry at this position that the disk has changed.
    Damaged(i64),
    /// An entry in a format that this version does not know.
    Unreadable,
}

pub(super) fn table(logs: &Logs, found: &LogsFound) -> Markup {
    html! {
        table.requests {
            thead {
                tr {
                    th scope="col" { "Request" }
                    th scope="col" { "Source" }
                    th.tries scope="col" { "Tries" }
                    th.number scope="col" { "Tokens" }
                    th.number scope="col" { "Cost" }
                    th scope="col" { "Status" }
                    th.number scope="col" { "Time" }
                    th.number scope="col" { "When" }
                    @for column in &logs.columns { (optional::head(*column)) }
                }
            }
            @for day in &found.days {
                tbody {
                    tr.day { th scope="rowgroup" colspan=(8 + logs.columns.len()) {
                        (day.title) @if let Some(count) = day.count { " " span.quiet { (text::count(count)) } }
                    } }
                    @for row in &day.rows { (self::row(logs, row)) }
                }
            }
        }
        (paging(logs, found))
    }
}

fn row(logs: &Logs, row: &RequestRow) -> Markup {
    match row {
        RequestRow::Record(record) => record_row(logs, record),
        RequestRow::Damaged(position) => {
            note(logs, &format!("The entry at position {position} is damaged and not shown."))
        }
        RequestRow::Unreadable => note(logs, "An entry of a format that this version does not know is not shown."),
    }
}

fn note(logs: &Logs, text: &str) -> Markup {
    html! { tr.note { td colspan=(8 + logs.columns.len()) { (text) } } }
}

fn record_row(logs: &Logs, record: &RequestRecord) -> Markup {
    let is_open = logs.state.row.as_deref() == Some(record.id.as_str());
    let url = logs.state.with_row(Some(&record.id)).url();
    let model = record.requested_model.as_deref().filter(|model| !model.is_empty());
    let by_model = model.map(|model| addresses(&logs.state, &logs.terms, "model", model));
    html! {
        tr.open[is_open] data-row=(record.id) {
            td.request {
                a href=(url) aria-current=[is_open.then_some("true")] data-only=[by_model.as_ref().map(|(only, _)| only)]
                    data-exclude=[by_model.as_ref().map(|(_, without)| without)] { bdi { (subject(record)) } }
                @if record.stream { " " span.mark title="stream" { "≋" span.hidden { " stream" } } }
                (served(record))
            }
            td.source { (source(logs, record)) }
            td.tries { (tries(&record.attempts)) }
            td.number.tokens { (tokens(record)) }
            td.number.cost { (cost(record)) }
            td.status { (status(record)) }
            td.number.time { (times(record)) }
            td.number.when { (when(logs, record)) }
            @for column in &logs.columns { (optional::cell(*column, logs, record)) }
        }
    }
}

/// Returns the requested model, or the surface of a request without one.
pub(super) fn subject(record: &RequestRecord) -> &str {
    let model = record.requested_model.as_deref().filter(|model| !model.is_empty());
    model.unwrap_or(if record.surface.is_empty() { "request" } else { &record.surface })
}

fn served(record: &RequestRecord) -> Markup {
    let Some(served) = &record.served_by else { return html! {} };
    html! { span.second { "→ " bdi { (served.provider) "/" (served.model) } } }
}

fn source(logs: &Logs, record: &RequestRecord) -> Markup {
    let Some(caller) = &record.caller else { return html! { span.quiet { "no key" } } };
    let names: Vec<_> = [&caller.owner, &caller.team].into_iter().flatten().map(String::as_str).collect();
    html! {
        @if caller.source == RequestSource::Playground {
            span.icon title="playground" aria-hidden="true" { (parts::person_icon()) } span.hidden { "playground " }
        } @else {
            span.icon title="virtual key" aria-hidden="true" { (parts::key_icon()) } span.hidden { "virtual key " }
        }
        (filtered(&logs.state, &logs.terms, "key", &caller.key_id))
        @if !names.is_empty() { span.second { bdi { (names.join(" · ")) } } }
    }
}

fn tries(attempts: &[AttemptRecord]) -> Markup {
    let words: Vec<_> = attempts.iter().map(outcome_of).collect();
    html! {
        @if !attempts.is_empty() {
            span title=(words.join(", ")) {
                @for attempt in attempts.iter().take(6) {
                    span.try.failed[attempt.error.is_some()] aria-hidden="true" { @if attempt.error.is_some() { "○" } @else { "●" } }
                }
                span.hidden { (words.join(", ")) }
            }
        }
    }
}

fn outcome_of(attempt: &AttemptRecord) -> String {
    format!("{}: {}", attempt.provider, attempt.error.map_or("ok", |error| error.as_str()))
}

fn tokens(record: &RequestRecord) -> Markup {
    let Some(usage) = &record.usage else { return html! { span.quiet { "–" } } };
    let whole = usage.input_tokens.saturating_add(usage.output_tokens);
    let parts = format!(
        "{} in ({} cached), {} out ({} reasoning)",
        text::count(usage.input_tokens),
        text::count(usage.cached_input_tokens),
        text::count(usage.output_tokens),
        text::count(usage.reasoning_tokens)
    );
    let is_estimated = usage.source == headgate_record::UsageSource::Estimated;
    html! {
        span title=(parts) {
            @if is_estimated { "~" span.hidden { "estimated " } }
            (text::count(whole))
        }
    }
}

fn cost(record: &RequestRecord) -> Markup {
    let Some(cost) = &record.cost else { return html! { span.quiet { "–" } } };
    html! {
        span title=(text::exact_usd(cost.nano_usd)) {
            @if cost.assumed { "≈" span.hidden { "assumed price " } }
            (text::usd(cost.nano_usd))
        }
    }
}

/// Returns the status with its cause: the color is never alone.
pub(super) fn status(record: &RequestRecord) -> Markup {
    let outcome = RequestOutcome::of(record);
    let code = record.error_code.as_deref();
    html! {
        span class={ "chip " (outcome.as_str()) } {
            @match outcome {
                RequestOutcome::Aborted => "aborted",
                RequestOutcome::Success => (record.status),
                RequestOutcome::Refused => { (record.status) " refused" }
                RequestOutcome::Error => { (record.status) " error" }
            }
        }
        @if let Some(code) = code { span.second { bdi { (code) } } }
    }
}

fn times(record: &RequestRecord) -> Markup {
    let first = record.time_to_first_token_us.map(text::duration);
    html! {
        @if let Some(first) = first { span.quiet title="time to the first token" { (first) " / " } }
        (text::duration(record.duration_us))
    }
}

fn when(logs: &Logs, record: &RequestRecord) -> Markup {
    let us = i64::try_from(record.started_at).unwrap_or(i64::MAX);
    html! { time datetime=(text::rfc3339(us)) title=(text::utc(us)) { (logs.zone.clock(us)) } }
}

fn paging(logs: &Logs, found: &LogsFound) -> Markup {
    let first = logs.state.first_page();
    let newer = found.newer.as_ref().map(|at| super::LogsState { before: Some(at.clone()), ..first.clone() }.url());
    let older = found.older.as_ref().map(|at| super::LogsState { after: Some(at.clone()), ..first.clone() }.url());
    html! {
        nav.paging aria-label="Newer and older" {
            @if let Some(url) = newer { a href=(url) rel="prev" { "← Newer" } }
            @if let Some(url) = older { a href=(url) rel="next" { "Older →" } }
        }
    }
}
