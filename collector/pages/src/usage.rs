//! The Usage page: cost, tokens, requests and times by group and over time.

mod controls;
mod division;
mod links;
mod plot;
mod state;
mod table;

pub use division::{DIMENSIONS, Dimension, Measure, by};
pub use plot::{TOP, UsageBar};
pub use state::{Period, SPANS, Span, UsageState};

use crate::frame::Frame;
use crate::search::{MAX_VALUES, Problem, Term};
use crate::text::{self, Zone};
use links::Part;
use maud::{Markup, html};

/// Groups that have a row of their own.
pub const ROWS: usize = 100;
/// Most bars of a page.
pub const MAX_BARS: i64 = 400;

/// The numbers of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Requests.
    pub requests: u64,
    /// Requests with a status of 400 and above.
    pub errors: u64,
    /// Tokens of the prompts.
    pub input_tokens: u64,
    /// Input tokens from the provider's cache.
    pub cached_tokens: u64,
    /// Tokens of the answers.
    pub output_tokens: u64,
    /// Output tokens spent on reasoning.
    pub reasoning_tokens: u64,
    /// Cost in nano-USD.
    pub cost_nano_usd: u64,
    /// Median of the duration, µs.
    pub p50_us: Option<u64>,
    /// 95th percentile of the duration, µs.
    pub p95_us: Option<u64>,
    /// 95th percentile of the time to the first token, µs.
    pub first_token_p95_us: Option<u64>,
}

impl Numbers {
    /// Returns the number of a measure.
    #[must_use]
    pub fn of(&self, measure: Measure) -> u64 {
        match measure {
            Measure::Cost => self.cost_nano_usd,
            Measure::Tokens => self.input_tokens.saturating_add(self.output_tokens),
            Measure::Requests => self.requests,
            Measure::Errors => self.errors,
            Measure::P50 => self.p50_us.unwrap_or(0),
            Measure::P95 => self.p95_us.unwrap_or(0),
            Measure::FirstTokenP95 => self.first_token_p95_us.unwrap_or(0),
        }
    }
}

/// A group, or the sum of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageGroup {
    /// Its value; `None` for records without one.
    pub value: Option<String>,
    /// Its numbers.
    pub now: Numbers,
    /// Its numbers of the period before, if they were asked for.
    pub before: Option<Numbers>,
}

/// The usage of a period.
#[derive(Debug, Default)]
pub struct UsageFound {
    /// Groups, the greatest first.
    pub groups: Vec<UsageGroup>,
    /// Groups beyond these.
    pub more: usize,
    /// The sum of all groups.
    pub total: UsageGroup,
    /// The bars in order.
    pub bars: Vec<UsageBar>,
}

impl UsageFound {
    /// Returns the records of a group. The group without a value has all records that have none of the others.
    fn part_of<'a>(&'a self, group: &'a UsageGroup) -> Option<Part<'a>> {
        if let Some(value) = &group.value {
            return Some(Part::Value(value));
        }
        let others: Vec<_> = self.groups.iter().filter_map(|other| other.value.as_deref()).collect();
        (self.more == 0 && others.len() <= MAX_VALUES).then_some(Part::Without(others))
    }

    fn label(&self, group: &UsageGroup) -> Markup {
        html! { @match &group.value { Some(value) => bdi { (value) }, None => span.quiet { "no value" } } }
    }

    /// Returns the name of a part of a bar.
    fn name_of(&self, place: usize, page: &UsagePage) -> String {
        match self.groups.get(place) {
            _ if page.state.measure.is_time() => String::new(),
            Some(group) if place < TOP => group.value.clone().unwrap_or_else(|| "no value".to_owned()),
            _ => "other".to_owned(),
        }
    }
}

/// The reason why there are no numbers.
#[derive(Debug)]
pub enum Refusal {
    /// A term of the search has no meaning, or none for usage.
    Search(Problem),
    /// The page would have this many bars.
    Bars(i64),
}

/// The view of the page.
#[derive(Debug)]
pub struct UsagePage {
    /// The state of the page, as its URL has it.
    pub state: UsageState,
    /// The terms of the search.
    pub terms: Vec<Term>,
    /// The period.
    pub period: Period,
    /// The zone of days.
    pub zone: Zone,
    /// The numbers, or why there are none.
    pub found: Result<UsageFound, Refusal>,
}

impl UsagePage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs {
                h1 { "Usage" }
                (controls::bar(self))
                (self.spelled_out())
                @match &self.found {
                    Ok(found) if found.total.now.requests == 0 && found.groups.is_empty() => (self.nothing()),
                    Ok(found) => { (self.totals(found)) (plot::render(self, found)) (table::render(self, found)) (about(self)) }
                    Err(Refusal::Search(problem)) => div.empty role="alert" {
                        h2 { "The search cannot be read at " code { (problem.term) } } p { (problem.message) }
                    },
                    Err(Refusal::Bars(bars)) => (self.too_many(*bars)),
                }
            }
        };
        frame.render("Usage", &main)
    }

    /// Returns a value of the measure as it is shown.
    fn shown(&self, value: u64) -> String {
        match self.state.measure {
            Measure::Cost => text::cents(value),
            measure if measure.is_time() => text::duration(value),
            _ => text::count(value),
        }
    }

    /// Returns what the page shows, in words, for paper.
    fn spelled_out(&self) -> Markup {
        let (from, to) = (self.zone.day_and_clock(self.period.from), self.zone.day_and_clock(self.period.to));
        html! {
            p.spelled { (self.state.measure.label()) " by " (self.state.dimension().label.to_lowercase()) ", from " (from) " to " (to) " " (self.zone.name)
                @if !self.terms.is_empty() { ", where " @for term in &self.terms { code { bdi { (term) } } " " } } " · " (self.state.url()) }
        }
    }

    fn totals(&self, found: &UsageFound) -> Markup {
        let Numbers { requests, errors, cost_nano_usd, .. } = found.total.now;
        html! {
            p.totals {
                strong { (text::count(requests)) @if requests == 1 { " request" } @else { " requests" } }
                " · " span title=(text::exact_usd(cost_nano_usd)) { (text::cents(cost_nano_usd)) }
                " · " (text::percent(errors, requests)) " with a status of 400 and above"
                @if self.state.compare { " · before: " (text::count(found.total.before.unwrap_or_default().requests)) " requests" }
            }
        }
    }

    fn nothing(&self) -> Markup {
        let longer = UsageState { span: Span::Last(SPANS.len() - 1), bucket: None, ..self.state.clone() };
        let whole = UsageState { q: String::new(), ..self.state.clone() };
        html! {
            div.empty {
                h2 { "Nothing was used in this time." }
                @if !self.terms.is_empty() { p { a href=(whole.url()) { "Show the usage without the search" } } }
                @if longer.span != self.state.span { p { a href=(longer.url()) { "Show the last 12 months" } } }
            }
        }
    }

    fn too_many(&self, bars: i64) -> Markup {
        let fitting = UsageState { bucket: None, ..self.state.clone() };
        html! {
            div.empty role="alert" {
                h2 { (bars) " bars are too many for a page." }
                p { "A page has at most " (MAX_BARS) " bars. " a href=(fitting.url()) { "Show bars that fit" } ", or take the time in parts." }
            }
        }
    }
}

fn about(page: &UsagePage) -> Markup {
    html! {
        p.quiet {
            "Usage is counted when a record is stored and outlasts it, so a link shows fewer records after retention has deleted some."
            @if page.state.measure.is_time() { " Percentiles are within 3.2 %." }
        }
    }
}
