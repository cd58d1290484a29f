//! The Forwarders page: receivers of the logs, and how far each has them.

use crate::frame::Frame;
use crate::parts;
use crate::text::{Zone, count};
use maud::{Markup, html};

/// How far a receiver has a log.
#[derive(Debug, Clone)]
pub struct ProgressRow {
    /// `requests` or `audit`.
    pub log: &'static str,
    /// Entries that are still to be delivered.
    pub behind: i64,
    /// Entries that were delivered.
    pub sent: i64,
    /// Entries that the receiver refused.
    pub refused: i64,
    /// Entries that were deleted before they were delivered.
    pub lost: i64,
    /// The last delivery, µs.
    pub delivered_at: Option<i64>,
}

/// A forwarder.
#[derive(Debug, Clone)]
pub struct ForwarderRow {
    /// Its id.
    pub id: String,
    /// The kind of its receiver.
    pub kind: &'static str,
    /// The form of events.
    pub format: &'static str,
    /// The filter of requests.
    pub filter: Option<String>,
    /// `ok`, `retrying`, `blocked` or `paused`.
    pub state: String,
    /// Why it does not deliver.
    pub error: Option<String>,
    /// Entries that the receiver refuses.
    pub dead_letters: i64,
    /// Each log that it delivers.
    pub logs: Vec<ProgressRow>,
}

/// The view of the page.
#[derive(Debug)]
pub struct ForwardersPage {
    /// The forwarders, in the order of the settings.
    pub rows: Vec<ForwarderRow>,
    /// Whether the reader may change anything.
    pub may_change: bool,
    /// The sentence about a change that was made.
    pub done: Option<&'static str>,
    /// The reason why a test failed.
    pub problem: Option<String>,
    /// The reader's zone.
    pub zone: Zone,
}

impl ForwardersPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs {
                h1 { "Forwarders" }
                (parts::done(self.done))
                (parts::problem(self.problem.as_deref()))
                @if self.rows.is_empty() { (nothing()) } @else {
                    p { "Each receiver gets the entries at least once and in the order of the log. What it does not have waits in the log, and ingest never waits for it. "
                        a href="/audit?event=forwarder.lost,forwarder.paused,forwarder.resumed,forwarder.replayed,forwarder.changed" { "Changes in the audit log" } }
                    @for row in &self.rows { (self.forwarder(row, frame)) }
                }
            }
        };
        frame.render("Forwarders", &main)
    }

    fn forwarder(&self, row: &ForwarderRow, frame: &Frame) -> Markup {
        html! {
            section data-forwarder=(row.id) {
                h2 { bdi { (row.id) } " " (chip(&row.state)) }
                p.quiet { (row.kind) ", " (row.format)
                    @if let Some(filter) = &row.filter { ", only requests with " code { (filter) } } }
                (parts::problem(row.error.as_deref()))
                table.list {
                    thead { tr {
                        th scope="col" { "Log" } th.number scope="col" { "Waiting" } th.number scope="col" { "Sent" }
                        th.number scope="col" { "Refused" } th.number scope="col" { "Lost" } th scope="col" { "Last delivery" }
                    } }
                    tbody { @for log in &row.logs { (self.progress(log)) } }
                }
                @if row.dead_letters > 0 {
                    p { (count(u64::try_from(row.dead_letters).unwrap_or(0))) " refused entries are kept as dead letters; "
                        code { "GET /v1/forwarders/" (row.id) "/dead-letters" } " has the reasons." }
                }
                @if self.may_change { (actions(row, frame)) }
            }
        }
    }

    fn progress(&self, log: &ProgressRow) -> Markup {
        let shown = |entries: i64| count(u64::try_from(entries).unwrap_or(0));
        html! {
            tr {
                th scope="row" { (log.log) }
                td.number data-label="Waiting" { (shown(log.behind)) }
                td.number data-label="Sent" { (shown(log.sent)) }
                td.number data-label="Refused" { (shown(log.refused)) }
                td.number data-label="Lost" { (shown(log.lost)) }
                td data-label="Last delivery" {
                    @match log.delivered_at { Some(at) => (parts::time(&self.zone, at)), None => span.quiet { "never" } }
                }
            }
        }
    }
}

fn chip(state: &str) -> Markup {
    html! {
        @match state {
            "ok" => span.chip.success { "✓ delivers" },
            "paused" => span.chip { "paused" },
            "retrying" => span.chip.error { "✕ tries again" },
            _ => span.chip.error { "✕ blocked" },
        }
    }
}

fn actions(row: &ForwarderRow, frame: &Frame) -> Markup {
    let button = |action: &str, label: &str| {
        html! {
            form.inline method="post" action={ (parts::path("/forwarders", &row.id)) "/" (action) } hx-boost="false" {
                (parts::csrf(&frame.person))
                button type="submit" { (label) span.hidden { " " (row.id) } }
            }
        }
    };
    html! {
        div.actions {
            (button("test", "Send a test"))
            @if row.state == "paused" { (button("resume", "Resume")) } @else {
                (button("pause", "Pause"))
                @if row.state != "ok" { (button("resume", "Try now")) }
            }
            @if row.dead_letters > 0 {
                (button("retry", "Deliver refused entries once more"))
                (button("drop", "Drop dead letters"))
            }
        }
    }
}

fn nothing() -> Markup {
    html! {
        div.empty {
            h2 { "The logs are forwarded to no other system." }
            p { "A table " code { "[[forwarders]]" } " in the collector's settings delivers them to Splunk, OpenTelemetry, Elasticsearch, OpenSearch, Datadog, a webhook or syslog." }
        }
    }
}
