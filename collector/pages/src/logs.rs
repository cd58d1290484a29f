//! The Logs page: requests that match a search, over time, by value and one by one.

mod bars;
mod columns;
mod controls;
mod facets;
mod links;
mod optional;
mod rows;
mod sentence;
mod sheet;
mod state;
mod timeline;

pub use bars::{Bar, Bars};
pub use columns::{OPTIONAL, OptionalColumn, columns_of, words_of};
pub use controls::export_address;
pub(crate) use controls::help as search_help;
pub use facets::{FACETS, Facet, FacetColumn};
pub use rows::{LogDay, RequestRow};
pub use sheet::{Change, Rules, Sheet};
pub use state::{LogsState, RANGES, Range, SIZES};

use crate::frame::Frame;
use crate::search::{Problem, Term};
use crate::text::{self, Zone};
use maud::{Markup, html};

/// Seconds between two loads of a page that reloads itself.
pub const AUTO_S: u32 = 10;

/// Sums over all records that match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests.
    pub requests: u64,
    /// Requests that ended with an error; rejections of the gateway are not among them.
    pub errors: u64,
    /// Requests that the gateway rejected.
    pub refused: u64,
    /// Tokens of prompts and answers.
    pub tokens: u64,
    /// Cost in nano-USD.
    pub cost_nano_usd: u64,
}

/// The records and numbers of a search that has a meaning.
#[derive(Debug, Default)]
pub struct LogsFound {
    /// Sums over all pages.
    pub totals: Totals,
    /// The records over time.
    pub bars: Bars,
    /// The values of the records.
    pub facets: Vec<Facet>,
    /// The records of this page, by day, the newest first.
    pub days: Vec<LogDay>,
    /// The cursor to newer records, if there are any.
    pub newer: Option<String>,
    /// The cursor to older records, if there are any.
    pub older: Option<String>,
    /// The opened record.
    pub sheet: Option<Box<Sheet>>,
    /// Whether the log has any record at all.
    pub log_is_empty: bool,
}

/// The view of the page.
#[derive(Debug)]
pub struct Logs {
    /// The state of the page, as its URL has it.
    pub state: LogsState,
    /// The terms of the search.
    pub terms: Vec<Term>,
    /// The result, or the term without meaning.
    pub found: Result<LogsFound, Problem>,
    /// Rows of a page.
    pub rows: usize,
    /// Columns beside the eight that are always shown.
    pub columns: Vec<OptionalColumn>,
    /// The reader's zone.
    pub zone: Zone,
    /// The present time, µs.
    pub now: i64,
}

impl Logs {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let sheet = self.found.as_ref().ok().and_then(|found| found.sheet.as_ref());
        let main = html! {
            div.logs.open[sheet.is_some()] {
                h1.hidden { "Logs" }
                (controls::bar(self))
                @match &self.found {
                    Ok(found) => (self.found(found)),
                    Err(problem) => (refused(problem)),
                }
            }
            @if let Some(sheet) = sheet { (sheet.in_list(self)) }
        };
        frame.render("Logs", &main)
    }

    fn found(&self, found: &LogsFound) -> Markup {
        html! {
            (totals(&found.totals))
            (found.bars.render(self))
            div.columns {
                aside.facets aria-label="Values" { @for facet in &found.facets { (facet.render(self)) } }
                section.list aria-label="Requests" {
                    @if found.days.is_empty() { (self.nothing(found)) } @else { (rows::table(self, found)) }
                }
            }
        }
    }

    fn nothing(&self, found: &LogsFound) -> Markup {
        if found.log_is_empty {
            return first_steps();
        }
        html! {
            div.empty {
                h2 { "No request matches." }
                @for (place, term) in self.terms.iter().enumerate() {
                    p { a href=(self.state.with_terms(&without(&self.terms, place)).url()) { "Search without " code { (term) } } }
                }
                @if self.state.range != Range::All {
                    p { a href=(self.state.with_range(Range::All).url()) { "Search the whole log" } }
                }
            }
        }
    }
}

/// Returns the terms without the one at this place.
fn without(terms: &[Term], place: usize) -> Vec<Term> {
    terms.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, term)| term.clone()).collect()
}

fn totals(totals: &Totals) -> Markup {
    let Totals { requests, errors, refused, tokens, cost_nano_usd } = *totals;
    html! {
        p.totals {
            strong { (text::count(requests)) @if requests == 1 { " request" } @else { " requests" } }
            " · " span title=(text::count(tokens)) { (text::short(tokens)) " tokens" }
            " · " span title=(text::exact_usd(cost_nano_usd)) { (text::usd(cost_nano_usd)) }
            @if requests > 0 {
                " · " (text::percent(errors, requests)) " errors · " (text::percent(refused, requests)) " refused"
            }
        }
    }
}

fn refused(problem: &Problem) -> Markup {
    html! {
        div.empty role="alert" {
            h2 { "The search cannot be read at " code { (problem.term) } }
            p { (problem.message) }
        }
    }
}

fn first_steps() -> Markup {
    html! {
        div.empty {
            h2 { "No request is recorded yet." }
            ol {
                li { "Give a proxy the address of this collector: " code { "collector:" } " in gateway.yaml." }
                li { "Send a request through the gateway with a virtual key." }
                li { "The record arrives within some seconds. This page shows it when it is loaded again." }
            }
        }
    }
}
