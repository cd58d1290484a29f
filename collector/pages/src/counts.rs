//! The pages of limits and of budgets: the use of each rule by subject, the fullest first.

mod forecast;
mod row;
mod state;

pub use state::{CountsState, RuleKind};

use crate::frame::Frame;
use crate::logs::AUTO_S;
use crate::parts::choice;
use crate::text::{self, Zone};
use maud::{Markup, html};

/// A rule without its meters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleFacts {
    /// `block` or `warn`.
    pub action: &'static str,
    /// Whether it only watches.
    pub monitor: bool,
    /// Percents at which it is told.
    pub warn_at: Vec<u8>,
    /// The decision while the collector cannot be reached.
    pub when_unreachable: &'static str,
}

/// The use of a rule by a subject.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CountRow {
    /// Id of the rule.
    pub id: String,
    /// Name of the meter.
    pub meter: String,
    /// Names and values of the subject; `None` if the rule is not known any more.
    pub subject: Option<Vec<(String, String)>>,
    /// From and before, seconds.
    pub window: (u64, Option<u64>),
    /// Used.
    pub used: u64,
    /// Reserved by requests under way.
    pub reserved: u64,
    /// The maximum.
    pub max: u64,
    /// Used of the maximum, percent.
    pub percent: f64,
    /// Whether it is close to its end.
    pub close: bool,
    /// Percents that were told.
    pub told: Vec<u8>,
    /// Proxies that use it.
    pub proxies: u64,
    /// The rule, if it is known.
    pub rule: Option<RuleFacts>,
}

impl CountRow {
    /// Returns whether it is about money.
    fn is_money(&self) -> bool {
        self.meter.starts_with("nano_usd")
    }

    /// Returns whether nothing is left.
    fn is_full(&self) -> bool {
        self.used.saturating_add(self.reserved) >= self.max
    }

    /// Returns an amount in the unit of the meter.
    fn amount(&self, amount: u64) -> String {
        if self.is_money() { text::cents(amount) } else { text::count(amount) }
    }

    /// Returns the use in percent.
    #[must_use]
    pub fn percent_text(&self) -> String {
        format!("{:.1} %", self.percent)
    }

    /// Returns the meter as people say it.
    #[must_use]
    pub fn meter_text(&self) -> String {
        row::meter(&self.meter)
    }
}

/// A page of counts.
#[derive(Debug, Default)]
pub struct CountsFound {
    /// The rows, the fullest first.
    pub rows: Vec<CountRow>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// The view of the page.
#[derive(Debug)]
pub struct CountsPage {
    /// The state, as the URL has it.
    pub state: CountsState,
    /// The counts, or why the filters cannot be applied.
    pub found: Result<CountsFound, String>,
    /// The reader's zone.
    pub zone: Zone,
    /// The present time, µs.
    pub now: i64,
}

impl CountsPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let title = match self.state.kind {
            RuleKind::Limits => "Limits",
            RuleKind::Budgets => "Budgets",
        };
        let main = html! {
            div.logs {
                h1 { (title) }
                (self.filters())
                div.choices { (self.closeness()) @if self.state.kind == RuleKind::Budgets { (self.windows()) } (self.actions()) }
                (self.spelled_out())
                @match &self.found {
                    Err(problem) => div.empty role="alert" { h2 { "The filters cannot be applied." } p { (problem) } },
                    Ok(found) if found.rows.is_empty() => (self.nothing()),
                    Ok(found) => (self.table(found)),
                }
            }
        };
        frame.render(title, &main)
    }

    fn filters(&self) -> Markup {
        let CountsState { id, subject, meter, min_percent, .. } = &self.state;
        let field = |name: &'static str, label: &'static str, value: &Option<String>, example: &'static str| {
            html! { label { (label) input type="text" name=(name) value=[value.as_deref()] maxlength="256" placeholder=(example) autocomplete="off"; } }
        };
        html! {
            form.filters role="search" action=(self.state.kind.path()) method="get" {
                (field("id", "Rule", id, "any"))
                (field("subject", "Subject", subject, "a team, a key …"))
                (field("meter", "Meter", meter, "tokens/day"))
                (field("min_percent", "Used at least, %", min_percent, "0"))
                @if self.state.past { input type="hidden" name="window" value="all"; }
                button.primary type="submit" { "Show" }
            }
        }
    }

    fn closeness(&self) -> Markup {
        let url = |percent: Option<&str>| {
            CountsState { min_percent: percent.map(str::to_owned), ..self.state.first_page() }.url()
        };
        let is = |percent: Option<&str>| self.state.min_percent.as_deref() == percent;
        html! {
            nav.choice aria-label="Used at least" {
                (choice(&url(None), "All", is(None)))
                (choice(&url(Some("50")), "50 %", is(Some("50"))))
                (choice(&url(Some("80")), "80 %", is(Some("80"))))
                (choice(&url(Some("100")), "Reached", is(Some("100"))))
            }
        }
    }

    fn windows(&self) -> Markup {
        let url = |past| CountsState { past, ..self.state.first_page() }.url();
        html! {
            nav.choice aria-label="Windows" {
                (choice(&url(false), "Current", !self.state.past))
                (choice(&url(true), "With past ones", self.state.past))
            }
        }
    }

    fn actions(&self) -> Markup {
        let auto = CountsState { auto: !self.state.auto, ..self.state.clone() }.url();
        html! {
            nav.choice.actions aria-label="Actions" {
                a href=(self.state.url()) data-key="r" { "Refresh" }
                a.auto href=(auto) aria-current=[self.state.auto.then_some("true")] data-key="a" data-auto=[self.state.auto.then_some(AUTO_S)] {
                    "Auto" span.hidden { @if self.state.auto { ", on" } @else { ", off" } }
                }
                @if self.found.is_ok() { a href={ "/v1" (self.state.kind.path()) "?" (self.state.parameters()) } hx-boost="false" { "JSON" } }
            }
        }
    }

    /// Returns the filters in words, for paper.
    fn spelled_out(&self) -> Markup {
        let pairs = self.state.filter_pairs();
        html! {
            p.spelled { "At " (self.zone.day_and_clock(self.now)) " " (self.zone.name) @for (name, value) in &pairs { ", " (name) " " bdi { (value) } } " · " (self.state.url()) }
        }
    }

    fn nothing(&self) -> Markup {
        let is_filtered = !self.state.filter_pairs().is_empty();
        let example = match self.state.kind {
            RuleKind::Limits => "limits: [{id: per-key, per: key, requests: 60/min}]",
            RuleKind::Budgets => "budgets: [{id: search-month, match: {team: search}, usd: 500, period: month}]",
        };
        html! {
            div.empty {
                @if is_filtered {
                    h2 { "Nothing matches." } p { a href=(self.state.kind.path()) { "Show all" } }
                } @else {
                    h2 { "Nothing is counted yet." }
                    p { "A rule of gateway.yaml appears here with its first request: " code { (example) } }
                }
            }
        }
    }

    fn table(&self, found: &CountsFound) -> Markup {
        html! {
            div.wide { table.requests.cards.counts {
                thead { tr {
                    th scope="col" { "Rule and subject" } th scope="col" { "Use" } th scope="col" { "Window" }
                    @if self.state.kind == RuleKind::Budgets { th scope="col" title="Linear: as in the elapsed part of the window" { "Forecast" } }
                    th scope="col" { "When reached" }
                } }
                tbody { @for count in &found.rows { (row::row(self, count)) } }
            } }
            nav.paging aria-label="Fuller and less full" {
                @if self.state.after.is_some() { a href=(self.state.first_page().url()) rel="prev" { "← First page" } }
                @if let Some(next) = &found.next {
                    a href=(CountsState { after: Some(next.clone()), ..self.state.clone() }.url()) rel="next" { "Less full →" }
                }
            }
            @if self.state.kind == RuleKind::Budgets {
                p.quiet { "The forecast is linear: it goes on as in the elapsed part of the window, without reservations." }
            }
        }
    }
}
