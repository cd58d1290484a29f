//! The bar above the plot: search, division, range of time, and exports.

use super::UsagePage;
use super::division::{DIMENSIONS, Measure};
use super::state::{SPANS, Span, UsageState};
use crate::parts::{choice, views};
use crate::text::Unit;
use maud::{Markup, html};

pub(super) fn bar(page: &UsagePage) -> Markup {
    html! {
        div.bar {
            (form(page))
            div.choices { (spans(page)) (actions(page)) }
        }
    }
}

fn form(page: &UsagePage) -> Markup {
    let state = &page.state;
    let bucket = page.period.bucket;
    html! {
        form.filters role="search" action="/usage" method="get" {
            label.wider { "Search" input type="search" name="q" value=(state.q) maxlength="1000" autocomplete="off" spellcheck="false"
                data-key="/" placeholder="model:chat -team:ops"; }
            label { "By" select name="by" {
                @for (place, one) in DIMENSIONS.iter().enumerate() { option value=(one.word) selected[place == state.by] { (one.label) } }
            } }
            label { "Bar" select name="bucket" {
                @for unit in Unit::ALL { option value=(unit.word()) selected[unit == bucket] { (capital(unit.word())) } }
            } }
            label { "Measure" select name="measure" {
                @for measure in Measure::ALL { option value=(measure.word()) selected[measure == state.measure] { (measure.label()) } }
            } }
            label { "Time zone" input type="text" name="tz" value=(page.zone.name) maxlength="64" list="zones" autocomplete="off"; }
            datalist id="zones" { @for zone in ["UTC", "Europe/London", "Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo"] { option value=(zone) {} } }
            (hidden(&UsageState { q: String::new(), by: 0, bucket: None, measure: Measure::default(), compare: false, zone: None, ..state.clone() }))
            label.check { input type="checkbox" name="compare" value="1" checked[state.compare]; " Compare with the period before" }
            button.primary type="submit" { "Show" }
        }
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Returns the parameters of a state as hidden inputs.
fn hidden(state: &UsageState) -> Markup {
    html! { @for (name, value) in state.pairs() { input type="hidden" name=(name) value=(value); } }
}

fn spans(page: &UsagePage) -> Markup {
    let url = |place| UsageState { span: Span::Last(place), bucket: None, ..page.state.clone() }.url();
    html! {
        nav.choice aria-label="Range of time" {
            @for (place, (_, label, _)) in SPANS.iter().enumerate() {
                (choice(&url(place), label, page.state.span == Span::Last(place)))
            }
            (custom(page))
        }
    }
}

fn custom(page: &UsagePage) -> Markup {
    let is_custom = matches!(page.state.span, Span::Between(..));
    html! {
        details.custom {
            summary aria-current=[is_custom.then_some("true")] { "Custom" }
            form action="/usage" method="get" {
                (hidden(&UsageState { span: Span::default(), ..page.state.clone() }))
                label { "From " input type="datetime-local" name="from" value=(page.zone.input(page.period.from)); }
                label { "To " input type="datetime-local" name="to" value=(page.zone.input(page.period.to)); }
                span.quiet { (page.zone.name) ", by quarters of an hour" }
                button type="submit" { "Show" }
            }
        }
    }
}

fn actions(page: &UsagePage) -> Markup {
    let parameters = page.state.parameters(&page.terms, page.period, &page.zone);
    html! {
        nav.choice.actions aria-label="Actions" {
            a href=(page.state.url()) data-key="r" { "Refresh" }
            (views())
            @if page.found.is_ok() {
                details.export {
                    summary { "Export" }
                    ul {
                        li { a href={ "/v1/usage.csv?" (parameters) } download hx-boost="false" { "CSV" } }
                        li { a href={ "/v1/usage?" (parameters) } hx-boost="false" { "JSON" } }
                    }
                }
            }
        }
    }
}
