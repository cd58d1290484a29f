//! The Overview page: the last day in numbers, and everything that needs a person.

mod cards;
mod first_steps;

pub use cards::Hour;
pub use first_steps::{FirstSteps, WAIT_S};

use crate::counts::{CountRow, CountsState, RuleKind};
use crate::frame::{Frame, Page};
use crate::logs::{AUTO_S, LogsState, Range};
use crate::search::{Term, write};
use crate::text::{self, Zone};
use crate::usage::{Span, UsageState, by};
use maud::{Markup, html};

/// The numbers of a day or of an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Day {
    /// Requests.
    pub requests: u64,
    /// Requests that ended with an error.
    pub errors: u64,
    /// Requests that the gateway refused.
    pub refused: u64,
    /// Cost in nano-USD.
    pub cost_nano_usd: u64,
    /// 95th percentile of the duration, µs.
    pub p95_us: Option<u64>,
    /// 95th percentile of the time to the first token, µs.
    pub first_token_p95_us: Option<u64>,
}

/// A model or a team with its part of the day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spender {
    /// Its name; `None` for requests without one.
    pub name: Option<String>,
    /// Its requests.
    pub requests: u64,
    /// Its cost in nano-USD.
    pub cost_nano_usd: u64,
}

/// The last change of the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// Number of the revision.
    pub number: i64,
    /// Time, µs.
    pub at: i64,
    /// The name of the person or token.
    pub by: String,
    /// Number of the revision that it brought back.
    pub restores: Option<i64>,
}

/// The proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Proxies that report.
    pub live: usize,
    /// Names of silent proxies, with the time since each was heard, µs.
    pub silent: Vec<(String, u64)>,
    /// Names of proxies that do not run the policy in force.
    pub outdated: Vec<String>,
}

/// Everything that the page shows.
#[derive(Debug, Default)]
pub struct OverviewFound {
    /// The last day.
    pub now: Day,
    /// The day before.
    pub before: Day,
    /// The last day by hour.
    pub hours: Vec<Hour>,
    /// Limits and budgets that are close to their end, the fullest first.
    pub close: Vec<(RuleKind, CountRow)>,
    /// The proxies.
    pub proxies: Proxies,
    /// The last change of the policy, for those who may see it.
    pub policy: Option<PolicyChange>,
    /// Entries that the disk has changed, for those who may see them.
    pub damaged: usize,
    /// Models by cost.
    pub models: Vec<Spender>,
    /// Teams by cost.
    pub teams: Vec<Spender>,
}

/// The view of the page.
#[derive(Debug)]
pub struct OverviewPage {
    /// The day: from here on, µs.
    pub from: i64,
    /// Before this, µs.
    pub to: i64,
    /// The present time, µs.
    pub now: i64,
    /// Whether the page is loaded again every 10 s.
    pub auto: bool,
    /// The numbers; the first steps if there is no record at all.
    pub found: Result<OverviewFound, FirstSteps>,
    /// The reader's zone.
    pub zone: Zone,
}

impl OverviewPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs {
                @match &self.found {
                    Err(steps) => (steps.render()),
                    Ok(found) => {
                        div.choices { h1 { "Last 24 hours" } (self.actions()) }
                        (cards::cards(self, found))
                        div.tiles {
                            (self.attention(found, frame))
                            (self.spenders("Models by cost", "model", &found.models))
                            (self.spenders("Teams by cost", "team", &found.teams))
                        }
                        p.quiet { (self.zone.short(self.from)) " – " (self.zone.short(self.now)) " " (self.zone.name)
                            ", each number against the same hours of the day before. Errors are requests that failed; those that the gateway refused are counted apart." }
                    }
                }
            }
        };
        frame.render("Overview", &main)
    }

    fn actions(&self) -> Markup {
        html! {
            nav.choice.actions aria-label="Actions" {
                a href=(if self.auto { "/?auto=1" } else { "/" }) data-key="r" { "Refresh" }
                a.auto href=(if self.auto { "/" } else { "/?auto=1" }) aria-current=[self.auto.then_some("true")] data-key="a" data-auto=[self.auto.then_some(AUTO_S)] {
                    "Auto" span.hidden { @if self.auto { ", on" } @else { ", off" } }
                }
            }
        }
    }

    /// Returns what needs a person.
    fn attention(&self, found: &OverviewFound, frame: &Frame) -> Markup {
        html! {
            section.tile {
                h2 { "Needs attention" }
                ul {
                    (close(found))
                    (proxies(&found.proxies))
                    (complete(found, frame))
                    @if let Some(change) = &found.policy { (self.changed(change)) }
                }
            }
        }
    }

    fn changed(&self, change: &PolicyChange) -> Markup {
        html! {
            li {
                "Policy: " a href={ "/policy/" (change.number) } { "revision " (change.number) }
                " since " (text::age(self.now.saturating_sub(change.at).max(0).unsigned_abs())) ", by " bdi { (change.by) }
                @if let Some(restored) = change.restores { ", brings back revision " (restored) }
                span.second { (self.zone.day_and_clock(change.at)) }
            }
        }
    }

    fn spenders(&self, title: &str, field: &str, spenders: &[Spender]) -> Markup {
        let range = Range::Between(Some(self.from), Some(self.to));
        let url = |name: &str| LogsState { q: write(&[Term::of(field, name)]), range, ..LogsState::default() }.url();
        let all =
            UsageState { by: by(field), span: Span::Between(Some(self.from), Some(self.to)), ..UsageState::default() }
                .url();
        let most = spenders.iter().map(|one| one.cost_nano_usd).max().unwrap_or(0);
        html! {
            section.tile {
                h2 { a href=(all) { (title) } }
                @if spenders.is_empty() { p.quiet { "No request in this time." } } @else {
                    table {
                        thead { tr { th scope="col" { "Name" } th.number scope="col" { "Requests" } th.number scope="col" { "Cost" } } }
                        tbody { @for one in spenders { tr {
                            th scope="row" {
                                @match one.name.as_deref().filter(|name| !name.is_empty()) { Some(name) => a href=(url(name)) { bdi { (name) } }, None => span.quiet { "no value" } }
                                (share(one.cost_nano_usd, most))
                            }
                            td.number { (text::count(one.requests)) }
                            td.number title=(text::exact_usd(one.cost_nano_usd)) { (text::cents(one.cost_nano_usd)) }
                        } } }
                    }
                }
            }
        }
    }
}

/// Returns a line as long as its part of the most.
fn share(part: u64, most: u64) -> Markup {
    let width = u128::from(part) * 1_000 / u128::from(most.max(1));
    html! { svg.share viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" { rect width=(width) height="10" {} } }
}

fn close(found: &OverviewFound) -> Markup {
    html! {
        @if found.close.is_empty() {
            li { span.chip.good { "ok" } " No limit or budget is close to its end." }
        }
        @for (kind, count) in &found.close {
            @let state = CountsState { kind: *kind, id: Some(count.id.clone()), ..CountsState::default() };
            li {
                span.chip.refused { (count.percent_text()) } " "
                a href=(state.url()) { bdi { (count.id) } }
                @for (name, value) in count.subject.iter().flatten() { " " span.quiet { bdi { (name) } " " bdi { (value) } } }
                span.second { (count.meter_text()) }
            }
        }
    }
}

fn proxies(proxies: &Proxies) -> Markup {
    let Proxies { live, silent, outdated } = proxies;
    html! {
        li {
            @if silent.is_empty() && outdated.is_empty() { span.chip.good { "ok" } " " }
            a href=(Page::Planes.path()) { (live) @if *live == 1 { " proxy reports" } @else { " proxies report" } }
            @if silent.is_empty() && outdated.is_empty() { ", each with the policy in force." }
        }
        @for (node, age) in silent {
            li { span.chip.error { "silent" } " " a href=(Page::Planes.path()) { bdi { (node) } } span.second { "last heard " (text::age(*age)) " ago" } }
        }
        @for node in outdated {
            li { span.chip.refused { "outdated" } " " a href=(Page::Planes.path()) { bdi { (node) } } span.second { "does not run the policy in force" } }
        }
    }
}

fn complete(found: &OverviewFound, frame: &Frame) -> Markup {
    let missing = frame.completeness.missing;
    html! {
        li {
            @if missing == 0 { span.chip.good { "ok" } " " a href=(Page::Completeness.path()) { "No record is missing." } }
            @else { span.chip.bad { "gap" } " " a href=(Page::Completeness.path()) { (text::count(missing)) @if missing == 1 { " record is missing" } @else { " records are missing" } } }
        }
        @if found.damaged > 0 {
            li { span.chip.bad { "damage" } " " a href=(Page::Completeness.path()) { "The disk changed " (found.damaged) @if found.damaged == 1 { " range of entries" } @else { " ranges of entries" } } }
        }
    }
}
