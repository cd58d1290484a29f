//! The bar above the list: search, chips, range, status, number of rows, and exports.

use super::{AUTO_S, Logs, LogsState, RANGES, Range, SIZES, optional, without, words_of};
use crate::assets;
use crate::parts::{choice, exports, views};
use crate::search::Term;
use maud::{Markup, html};

pub(super) fn bar(logs: &Logs) -> Markup {
    html! {
        div.bar {
            (search(logs))
            (chips(logs))
            div.choices {
                // An unreadable search has no terms to change or to export.
                @if logs.found.is_ok() {
                    (values(logs, "Status", "status", &STATUSES))
                    (values(logs, "Source", "source", &SOURCES))
                }
                (ranges(logs)) (sizes(logs)) (actions(logs))
            }
        }
    }
}

fn search(logs: &Logs) -> Markup {
    let LogsState { range, size, auto, live, .. } = logs.state;
    let (from, to) = match range {
        Range::Between(from, to) => (from, to),
        _ => (None, None),
    };
    html! {
        form.search role="search" action="/logs" method="get" {
            label.hidden for="q" { "Search" }
            input id="q" name="q" type="search" value=(logs.state.q) maxlength="1000" autocomplete="off" spellcheck="false"
                placeholder="Search, or model:chat status:error team:search" aria-describedby="q-help" data-key="/" data-complete=(assets::complete());
            @if let Range::Last(place) = range {
                @if let Some((word, ..)) = RANGES.get(place) { input type="hidden" name="range" value=(word); }
            }
            @if let Some(from) = from { input type="hidden" name="from" value=(from); }
            @if let Some(to) = to { input type="hidden" name="to" value=(to); }
            @if let Some(size) = size { input type="hidden" name="size" value=(size); }
            @if auto { input type="hidden" name="auto" value="1"; }
            @if live { input type="hidden" name="live" value="1"; }
            @if let Some(columns) = &logs.state.columns { input type="hidden" name="columns" value=(words_of(columns)); }
            button.primary type="submit" { "Search" }
            details.help {
                summary aria-label="How to search" { "?" }
                div id="q-help" { (help()) }
            }
        }
    }
}

/// Returns the search language in a table, and its names.
pub(crate) fn help() -> Markup {
    let rows = [
        ("chat", "model, surface, owner, key or tag contains it; one word or quoted text"),
        ("model:chat,fast", "either value"),
        ("-team:ops", "not this value"),
        ("status:429", "a number, a class such as 5xx, or success, refused, error, aborted"),
        ("latency:>250", "milliseconds; ttft: and cost: too"),
        ("tag.cost:high", "a tag"),
        ("01890a5d-…", "an id of any kind: request, trace, provider, session"),
    ];
    html! {
        table { tbody { @for (term, meaning) in rows { tr { td { code { (term) } } td { (meaning) } } } } }
        p { "Names: " @for field in crate::search::FIELDS { code data-name { (field.name) } " " } }
    }
}

fn chips(logs: &Logs) -> Markup {
    if logs.terms.is_empty() {
        return html! {};
    }
    html! {
        ul.chips aria-label="Active filters" {
            @for (place, term) in logs.terms.iter().enumerate() {
                li {
                    (chip(logs, term, &turned(&logs.terms, place)))
                    a.remove href=(logs.state.with_terms(&without(&logs.terms, place)).url()) {
                        span.hidden { "Remove " (term) } span aria-hidden="true" { "×" }
                    }
                }
            }
        }
    }
}

/// Returns the text of a chip, as a link to its opposite if it has one.
fn chip(logs: &Logs, term: &Term, turned: &[Term]) -> Markup {
    if turned == logs.terms {
        return html! { span { bdi { (term) } } };
    }
    html! { a href=(logs.state.with_terms(turned).url()) title="Turn into its opposite" { bdi { (term) } } }
}

/// Returns the terms with the one at this place negated. A comparison has no opposite.
fn turned(terms: &[Term], place: usize) -> Vec<Term> {
    let mut turned = terms.to_vec();
    if let Some(term) = turned.get_mut(place) {
        term.not = !term.not;
        if term.parameters().is_err() {
            term.not = !term.not;
        }
    }
    turned
}

/// Returns a choice of one value of a field, or of all.
fn values(logs: &Logs, label: &str, field: &str, options: &[(&str, &str)]) -> Markup {
    let is_of = |term: &&Term| term.name.as_deref() == Some(field);
    let others: Vec<Term> = logs.terms.iter().filter(|term| !is_of(term)).cloned().collect();
    let current = logs.terms.iter().find(is_of);
    let is = |word: &str| current.is_some_and(|term| !term.not && term.values == [word]);
    let url = |word: &str| {
        let mut terms = others.clone();
        terms.push(Term::of(field, word));
        logs.state.with_terms(&terms).url()
    };
    html! {
        nav.choice aria-label=(label) {
            span.name aria-hidden="true" { (label) }
            (choice(&logs.state.with_terms(&others).url(), "All", current.is_none()))
            @for (word, label) in options { (choice(&url(word), label, is(word))) }
        }
    }
}

const STATUSES: [(&str, &str); 4] =
    [("success", "Success"), ("error", "Error"), ("refused", "Refused"), ("aborted", "Aborted")];
const SOURCES: [(&str, &str); 2] = [("playground", "Playground"), ("key", "Virtual key")];

fn ranges(logs: &Logs) -> Markup {
    let current = logs.state.range;
    html! {
        nav.choice aria-label="Range of time" {
            span.name aria-hidden="true" { "Time" }
            @for (place, (_, label, _)) in RANGES.iter().enumerate() {
                (choice(&logs.state.with_range(Range::Last(place)).url(), label, current == Range::Last(place)))
            }
            (choice(&logs.state.with_range(Range::All).url(), "All", current == Range::All))
            (custom(logs))
        }
    }
}

fn custom(logs: &Logs) -> Markup {
    let (from, to) = logs.state.range.bounds(logs.now);
    let is_custom = matches!(logs.state.range, Range::Between(..));
    let value = |us: Option<i64>| us.map(|us| logs.zone.input(us));
    html! {
        details.custom {
            summary aria-current=[is_custom.then_some("true")] { "Custom" }
            form action="/logs" method="get" {
                input type="hidden" name="q" value=(logs.state.q);
                @if let Some(size) = logs.state.size { input type="hidden" name="size" value=(size); }
                @if logs.state.auto { input type="hidden" name="auto" value="1"; }
                @if logs.state.live { input type="hidden" name="live" value="1"; }
                @if let Some(columns) = &logs.state.columns { input type="hidden" name="columns" value=(words_of(columns)); }
                label { "From " input type="datetime-local" step="1" name="from" value=[value(from)]; }
                label { "To " input type="datetime-local" step="1" name="to" value=[value(to)]; }
                span.quiet { (logs.zone.name) }
                button type="submit" { "Show" }
            }
        }
    }
}

fn sizes(logs: &Logs) -> Markup {
    let url = |size| LogsState { size: Some(size), ..logs.state.first_page() }.url();
    html! {
        nav.choice aria-label="Rows of a page" {
            span.name aria-hidden="true" { "Rows" }
            @for size in SIZES { (choice(&url(size), &size.to_string(), logs.rows == size)) }
        }
    }
}

fn actions(logs: &Logs) -> Markup {
    let auto = LogsState { auto: !logs.state.auto, live: false, ..logs.state.clone() }.url();
    // New records are on the first page.
    let live = LogsState { live: !logs.state.live, auto: false, ..logs.state.first_page() }.url();
    html! {
        nav.choice.actions aria-label="Actions" {
            a href=(logs.state.url()) data-key="r" { "Refresh" }
            a.auto href=(auto) aria-current=[logs.state.auto.then_some("true")] data-key="a" data-auto=[logs.state.auto.then_some(AUTO_S)] {
                "Auto" span.hidden { @if logs.state.auto { ", on" } @else { ", off" } }
            }
            a.auto href=(live) aria-current=[logs.state.live.then_some("true")] data-key="L"
                data-live=[logs.state.live.then(|| format!("/v1/requests/stream?{}", parameters(&logs.terms, (None, None))))] {
                "Live" span.hidden { @if logs.state.live { ", on" } @else { ", off" } }
            }
            (optional::choice(logs))
            (views())
            @if logs.found.is_ok() {
                (exports(|end| export_address(&logs.state, &logs.terms, logs.now, end)))
            }
        }
    }
}

/// Returns the address of an export of exactly the records that match, in a format.
#[must_use]
pub fn export_address(state: &LogsState, terms: &[Term], now: i64, format: &str) -> String {
    format!("/v1/requests.{format}?{}", parameters(terms, state.range.bounds(now)))
}

/// Returns the terms, and the bounds of time, as parameters of the API.
fn parameters(terms: &[Term], (from, to): (Option<i64>, Option<i64>)) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in terms.iter().filter_map(|term| term.parameters().ok()).flatten() {
        query.append_pair(&name, &value);
    }
    for (name, bound) in [("from", from), ("to", to)] {
        if let Some(us) = bound {
            query.append_pair(name, &us.to_string());
        }
    }
    query.finish()
}
