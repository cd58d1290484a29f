//! The pages about the proxies: whether all their records are there, and how each proxy stands.

use crate::frame::Frame;
use crate::logs;
use crate::search::{Term, write};
use crate::text::{self, Zone};
use maud::{Markup, html};

/// A run of records that are missing, or a worker whose end is unknown. Times are µs since the Unix epoch.
#[derive(Debug, Clone, Default)]
pub struct Gap {
    /// The proxy.
    pub node: String,
    /// The worker's boot.
    pub boot: String,
    /// First and last number.
    pub numbers: (i64, i64),
    /// The number of records.
    pub records: u64,
    /// The time between which the records began, by the proxy's clock.
    pub between: (Option<i64>, i64),
    /// When the gap was noticed.
    pub noticed_at: i64,
    /// Whether the worker fell silent without reporting its end.
    pub end_unknown: bool,
    /// Records that waited at an unknown end, and requests under way.
    pub waiting: (Option<i64>, Option<i64>),
}

/// The Completeness page.
#[derive(Debug, Default)]
pub struct GapsPage {
    /// Open gaps, the latest noticed first.
    pub gaps: Vec<Gap>,
    /// Whether there are more.
    pub has_more: bool,
    /// Proxies and boots that dropped records, with their number.
    pub dropped: Vec<(String, String, i64)>,
    /// Entries that the disk has changed: log, first and last position.
    pub damaged: Vec<(String, i64, i64)>,
    /// The reader's zone.
    pub zone: Zone,
}

impl GapsPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs {
                h1 { "Completeness" }
                p {
                    "Each worker of a proxy numbers its records. A number that did not arrive is a gap. "
                    @if self.gaps.is_empty() { strong { "There is no open gap." } }
                }
                @if !self.gaps.is_empty() { (self.gaps()) }
                @if !self.dropped.is_empty() { (self.dropped()) }
                h2 { "Damage" }
                @if self.damaged.is_empty() {
                    p { "Every entry that was compared has the hash with which it was stored." }
                } @else {
                    ul { @for (log, first, last) in &self.damaged { li { (log) " log, positions " (first) " to " (last) } } }
                }
            }
        };
        frame.render("Completeness", &main)
    }

    fn gaps(&self) -> Markup {
        html! {
            div.wide { table.requests {
                thead { tr {
                    th scope="col" { "Proxy" } th scope="col" { "Numbers" } th.number scope="col" { "Records" }
                    th scope="col" { "Between" } th scope="col" { "Noticed" } th scope="col" { "State" }
                } }
                tbody { @for gap in &self.gaps { (self.gap(gap)) } }
            } }
            @if self.has_more { p.quiet { "There are more: " code { "GET /v1/gaps" } " lists all." } }
        }
    }

    fn gap(&self, gap: &Gap) -> Markup {
        let (after, before) = gap.between;
        let range = logs::Range::Between(after, Some(before.saturating_add(1)));
        let around = logs::LogsState { q: write(&[Term::of("node", &gap.node)]), range, ..logs::LogsState::default() };
        html! {
            tr {
                td { bdi { (gap.node) } span.second { bdi { (gap.boot) } } }
                td { (gap.numbers.0) @if gap.numbers.1 > gap.numbers.0 { " – " (gap.numbers.1) } }
                td.number { (text::count(gap.records)) }
                td { a href=(around.url()) {
                    @match after { Some(after) => (self.zone.day_and_clock(after)), None => "the start" }
                    " – " (self.zone.day_and_clock(before))
                } }
                td { (self.zone.day_and_clock(gap.noticed_at)) }
                td { (state(gap)) }
            }
        }
    }

    fn dropped(&self) -> Markup {
        html! {
            h2 { "Dropped by proxies" }
            p { "A full queue drops records. Those that had a number are in a gap as well." }
            ul { @for (node, boot, count) in &self.dropped { li { bdi { (node) } " " span.quiet { bdi { (boot) } } ": " (count) } } }
        }
    }
}

fn state(gap: &Gap) -> Markup {
    let (queued, open) = gap.waiting;
    html! {
        @if gap.end_unknown {
            span.chip.refused { "end unknown" }
            span.second {
                @if let Some(queued) = queued { (queued) " waited " }
                @if let Some(open) = open { (open) " open" }
            }
        } @else {
            span.chip.bad { "missing" }
        }
    }
}

/// A worker of a proxy.
#[derive(Debug, Clone, Default)]
pub struct Worker {
    /// Its boot.
    pub boot: String,
    /// Its state: `live`, `silent`, `ended` or `replaced`.
    pub state: &'static str,
    /// Version of the filter.
    pub version: String,
    /// Revision of the policy.
    pub revision: String,
    /// Seconds since its start.
    pub uptime_s: u64,
    /// Records that waited, and records that it had dropped.
    pub queue: (i64, i64),
    /// The last number that it had given.
    pub last_seq: i64,
    /// Age of the last heartbeat, µs.
    pub age_us: u64,
}

/// A proxy.
#[derive(Debug, Clone, Default)]
pub struct Plane {
    /// Its name.
    pub node: String,
    /// Its state: `live`, `stale`, `ended` or `gone`.
    pub state: &'static str,
    /// Its workers, the latest heard first.
    pub workers: Vec<Worker>,
}

/// The Data planes page.
#[derive(Debug, Default)]
pub struct DataPlanesPage {
    /// The proxies, the latest heard first.
    pub planes: Vec<Plane>,
    /// The revision in force at the collector, if it knows one.
    pub in_force: Option<String>,
}

impl DataPlanesPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs {
                h1 { "Data planes" }
                @if self.planes.is_empty() {
                    div.empty { h2 { "No proxy has reported yet." } p { "A proxy reports every ten seconds once " code { "collector:" } " is in its gateway.yaml." } }
                } @else {
                    div.wide { table.requests {
                        thead { tr {
                            th scope="col" { "Proxy" } th scope="col" { "State" } th scope="col" { "Policy" } th scope="col" { "Version" }
                            th.number scope="col" { "Uptime" } th.number scope="col" { "Queue" } th.number scope="col" { "Dropped" }
                            th.number scope="col" { "Last number" } th.number scope="col" { "Last seen" }
                        } }
                        @for plane in &self.planes { tbody {
                            tr.day { th scope="rowgroup" colspan="9" {
                                bdi { (plane.node) } " " (chip(plane.state))
                            } }
                            @for worker in &plane.workers { (self.worker(worker)) }
                        } }
                    } }
                }
            }
        };
        frame.render("Data planes", &main)
    }

    fn worker(&self, worker: &Worker) -> Markup {
        let behind =
            self.in_force.as_ref().is_some_and(|revision| *revision != worker.revision) && worker.state == "live";
        html! {
            tr {
                td { span.quiet { bdi { (worker.boot) } } }
                td { (chip(worker.state)) }
                td { bdi { (worker.revision) } @if behind { span.second { "not the policy in force" } } }
                td { bdi { (worker.version) } }
                td.number { (text::duration(worker.uptime_s.saturating_mul(1_000_000))) }
                td.number { (worker.queue.0) }
                td.number { (worker.queue.1) }
                td.number { (worker.last_seq) }
                td.number { (text::age(worker.age_us)) " ago" }
            }
        }
    }
}

fn chip(state: &'static str) -> Markup {
    let class = match state {
        "live" => "chip success",
        "stale" | "silent" => "chip error",
        _ => "chip aborted",
    };
    html! { span class=(class) { (state) } }
}
