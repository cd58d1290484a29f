//! A row: the use of a rule by a subject.

use super::forecast::{Forecast, forecast};
use super::{CountRow, CountsPage, RuleKind};
use crate::logs::{LogsState, Range};
use crate::search::{Term, write};
use crate::text;
use maud::{Markup, html};

/// Width of the drawing of a bar, and its part of one percent.
const WIDTH: u64 = 1_000;

/// Returns a row of the table.
pub(super) fn row(page: &CountsPage, count: &CountRow) -> Markup {
    html! {
        tr {
            th scope="row" {
                a href=(decisions(count)) title="Requests on which this rule had a say" { bdi { (count.id) } }
                span.second { (meter(&count.meter)) }
                (subject(count))
            }
            td.use data-label="Use" { (bar(count)) (amounts(count)) }
            td data-label="Window" { (window(page, count)) }
            @if page.state.kind == RuleKind::Budgets { td data-label="Forecast" { (outlook(page, count)) } }
            td data-label="When reached" { (policy(count)) }
        }
    }
}

/// Returns the address of the records on which the rule had a say, of this subject and window.
pub(super) fn decisions(count: &CountRow) -> String {
    let mut terms = vec![Term::of("policy", &count.id)];
    terms.extend(count.subject.iter().flatten().filter_map(|(name, value)| term(name, value)));
    let us = |second: u64| i64::try_from(second.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
    let range = match count.window {
        (0, None) => Range::All,
        (start, end) => Range::Between(Some(us(start)), end.map(us)),
    };
    let search = write(&terms);
    // A subject may be longer than a search.
    let q = if crate::search::parse(&search).is_ok() { search } else { write(&[Term::of("policy", &count.id)]) };
    LogsState { q, range, ..LogsState::default() }.url()
}

/// Returns the term for a value of a subject, if the search has one.
fn term(dimension: &str, value: &str) -> Option<Term> {
    if let Some(tag) = dimension.strip_prefix("tag:") {
        return (!value.is_empty()).then(|| Term::of(&format!("tag.{tag}"), value));
    }
    let field = match dimension {
        "application" => "app",
        "environment" => "env",
        "key" | "owner" | "team" | "project" | "model" => dimension,
        _ => return None,
    };
    (!value.is_empty()).then(|| Term::of(field, value))
}

/// Returns a meter as people say it: `requests a minute`.
pub(super) fn meter(name: &str) -> String {
    let (unit, period) = name.split_once('/').unwrap_or((name, ""));
    let unit = match unit {
        "nano_usd" => "US dollars".to_owned(),
        "concurrency" => "requests at one time".to_owned(),
        other => other.replace('_', " "),
    };
    match period {
        "" => unit,
        "total" => format!("{unit} in total"),
        "hour" => format!("{unit} an hour"),
        period => format!("{unit} a {period}"),
    }
}

fn subject(count: &CountRow) -> Markup {
    html! {
        @match &count.subject {
            None => span.second { "a rule of an earlier policy" },
            Some(values) => @for (name, value) in values {
                span.subject { span.quiet { bdi { (name) } } " " @if value.is_empty() { "none" } @else { bdi { (value) } } }
            },
        }
    }
}

/// Returns the bar: used, reserved, and the marks at which it is told.
fn bar(count: &CountRow) -> Markup {
    let width = |amount: u64| part(amount, count.max);
    let used = width(count.used);
    let reserved = width(count.used.saturating_add(count.reserved)).saturating_sub(used);
    let class = match () {
        () if count.is_full() => "full",
        () if count.close => "close",
        () => "calm",
    };
    let marks = count.rule.as_ref().map(|rule| rule.warn_at.as_slice()).unwrap_or_default();
    html! {
        svg class={ "meter " (class) } viewBox={ "0 0 " (WIDTH) " 40" } preserveAspectRatio="none" role="img" aria-label=(said(count)) {
            rect.ground width=(WIDTH) height="40" {}
            rect.used width=(used) height="40" {}
            @if reserved > 0 { rect.reserved x=(used) width=(reserved.max(4)) height="40" {} }
            @for percent in marks { line.warn x1=(mark(*percent)) x2=(mark(*percent)) y1="0" y2="40" { title { "Told at " (percent) " %" } } }
        }
    }
}

fn mark(percent: u8) -> u64 {
    u64::from(percent).min(100) * WIDTH / 100
}

/// Returns a part of the width; something is never drawn as nothing.
fn part(amount: u64, max: u64) -> u64 {
    let part = u128::from(amount) * u128::from(WIDTH) / u128::from(max.max(1));
    let part = u64::try_from(part).unwrap_or(WIDTH).min(WIDTH);
    if amount > 0 { part.max(4) } else { part }
}

fn said(count: &CountRow) -> String {
    format!(
        "{} used, {} reserved of {}",
        count.amount(count.used),
        count.amount(count.reserved),
        count.amount(count.max)
    )
}

fn amounts(count: &CountRow) -> Markup {
    let exact = |amount: u64| count.is_money().then(|| text::exact_usd(amount));
    html! {
        p.amounts {
            strong { (count.percent_text()) }
            " · " span title=[exact(count.used)] { (count.amount(count.used)) } " used"
            @if count.reserved > 0 { " · " span title=[exact(count.reserved)] { (count.amount(count.reserved)) } " reserved" }
            " of " span title=[exact(count.max)] { (count.amount(count.max)) }
            @if count.is_full() { " " span.chip.bad { "reached" } } @else if count.close { " " span.chip.refused { "close" } }
        }
    }
}

fn window(page: &CountsPage, count: &CountRow) -> Markup {
    let us = |second: u64| i64::try_from(second.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
    let (start, end) = count.window;
    html! {
        @match end {
            Some(end) if us(end) > page.now => {
                "resets in " (text::duration(us(end).abs_diff(page.now)))
                span.second { time datetime=(text::rfc3339(us(end))) { (page.zone.day_and_clock(us(end))) } }
            },
            Some(end) => { "over" span.second { (page.zone.day_and_clock(us(start))) " – " (page.zone.day_and_clock(us(end))) } },
            None => "never resets",
        }
        @if count.proxies > 0 { span.second { (count.proxies) @if count.proxies == 1 { " proxy uses it" } @else { " proxies use it" } } }
    }
}

fn outlook(page: &CountsPage, count: &CountRow) -> Markup {
    let now = u64::try_from(page.now).unwrap_or(0) / 1_000_000;
    let us = |second: u64| i64::try_from(second.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
    html! {
        @match forecast(count.used, count.max, count.window, now) {
            None => "–",
            Some(Forecast::Reached) => strong { "reached" },
            Some(Forecast::Early) => span.quiet { "too early to say" },
            Some(Forecast::Unused) => "not in this period" ,
            Some(Forecast::At(second)) => {
                strong { "reached on " (page.zone.date(us(second))) }
                span.second { "at " (page.zone.clock(us(second))) }
            },
            Some(Forecast::NotReached(amount)) => {
                "not in this period"
                span.second { "about " (count.amount(amount)) " at its end" }
            },
        }
    }
}

fn policy(count: &CountRow) -> Markup {
    html! {
        @if let Some(rule) = &count.rule {
            @if rule.monitor { "only watches" } @else if rule.action == "warn" { "warns" } @else { "blocks" }
            @if !rule.warn_at.is_empty() {
                span.second { "tells at " @for (place, percent) in rule.warn_at.iter().enumerate() {
                    @if place > 0 { ", " } (percent) " %" @if count.told.contains(percent) { " (told)" }
                } }
            }
            span.second { "collector away: " (rule.when_unreachable) }
        } @else { "–" }
    }
}

#[cfg(test)]
mod tests {
    use super::{decisions, meter, part};
    use crate::counts::CountRow;

    #[test]
    fn a_row_leads_to_its_decisions() {
        let subject = |name: &str, value: &str| Some(vec![(name.to_owned(), value.to_owned())]);
        let count = CountRow {
            id: "per-key".into(),
            subject: subject("key", "a b"),
            window: (5, Some(65)),
            ..CountRow::default()
        };
        assert_eq!(decisions(&count), "/logs?q=policy%3Aper-key+key%3A%22a+b%22&from=5000000&to=65000000");
        let count = CountRow { id: "all".into(), subject: subject("organization", "x"), ..CountRow::default() };
        assert_eq!(decisions(&count), "/logs?q=policy%3Aall");
        let long =
            CountRow { id: "a".into(), subject: subject("tag:purpose", &"x".repeat(2_000)), ..CountRow::default() };
        assert_eq!(decisions(&long), "/logs?q=policy%3Aa");
    }

    #[test]
    fn bars_and_meters() {
        assert_eq!([part(0, 10), part(1, 1_000_000), part(5, 10), part(50, 10), part(1, 0)], [0, 4, 500, 1_000, 1_000]);
        assert_eq!(meter("nano_usd/month"), "US dollars a month");
        assert_eq!(meter("input_tokens/hour"), "input tokens an hour");
        assert_eq!(
            (meter("concurrency"), meter("requests/total")),
            ("requests at one time".into(), "requests in total".into())
        );
    }
}
