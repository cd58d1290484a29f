//! The Audit page: operator, event and resource of each change, with the values before and after.

mod detail;
mod events;
mod state;

pub use state::AuditState;

use crate::frame::Frame;
use crate::parts::{exports, views};
use crate::text::{self, Zone};
use headgate_collector_types::audit::{Actor, Entry, Outcome};
use maud::{Markup, html};

/// An entry of the list.
#[derive(Debug)]
pub enum EntryRow {
    /// An entry.
    Entry(Box<Entry>),
    /// An entry at this position that the disk has changed.
    Damaged(i64),
    /// An entry at this position in a format that this version does not know.
    Unreadable(i64),
}

/// Searches that are asked for often: the label and the filters.
const PRESETS: [(&str, &str); 5] = [
    ("All", ""),
    ("Policy changes", "event=policy.created,policy.updated"),
    (
        "Readers",
        "event=requests.searched,request.read,request.policy_read,request.proof_read,requests.exported,audit.searched,audit_entry.read,audit_entry.proof_read,audit.exported,policy.read,policy.compared,keys.searched,key.read",
    ),
    ("Denied", "event=access.denied,session.refused"),
    ("Tokens", "event=token.created,token.revoked"),
];

/// The view of the page.
#[derive(Debug)]
pub struct Audit {
    /// The state of the page, as its URL has it.
    pub state: AuditState,
    /// The entries of this page, the newest first.
    pub rows: Vec<EntryRow>,
    /// The cursor to newer entries, if there are any.
    pub newer: Option<String>,
    /// The cursor to older entries, if there are any.
    pub older: Option<String>,
    /// The opened entry.
    pub open: Option<Box<Entry>>,
    /// The reason why the filters cannot be applied.
    pub problem: Option<String>,
    /// The reader's zone.
    pub zone: Zone,
}

impl Audit {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs.open[self.open.is_some()] {
                h1.hidden { "Audit" }
                (self.presets())
                (self.filters())
                @if let Some(problem) = &self.problem {
                    div.empty role="alert" { h2 { "The filters cannot be applied." } p { (problem) } }
                } @else if self.rows.is_empty() {
                    div.empty { h2 { "No entry matches." } p { a href="/audit" { "Show all entries" } } }
                } @else {
                    (self.table())
                }
            }
            @if let Some(entry) = &self.open { (detail::sheet(self, entry)) }
        };
        frame.render("Audit", &main)
    }

    fn presets(&self) -> Markup {
        let current = self.state.filters();
        html! {
            div.choices {
                nav.choice aria-label="Presets" {
                    @for (label, query) in PRESETS {
                        @let state = AuditState::read(query, &self.zone).unwrap_or_default();
                        a href=(state.url()) aria-current=[(state.filters() == current).then_some("true")] { (label) }
                    }
                }
                nav.choice.actions aria-label="Actions" {
                    a href=(self.state.url()) data-key="r" { "Refresh" }
                    (views())
                    (exports(|end| format!("/v1/audit.{end}?{}", self.state.parameters())))
                }
            }
        }
    }

    fn filters(&self) -> Markup {
        let AuditState { from, to, actor, event, resource, source, q, .. } = &self.state;
        let time = |us: &Option<i64>| us.map(|us| self.zone.input(us));
        let field = |name: &'static str, label: &'static str, value: &Option<String>| {
            html! { label { (label) input type="text" name=(name) value=[value.as_deref()] maxlength="256"; } }
        };
        html! {
            form.filters role="search" action="/audit" method="get" {
                @if let Some(revision) = &self.state.revision { input type="hidden" name="revision" value=(revision); }
                label { "From" input type="datetime-local" step="1" name="from" value=[time(from)]; }
                label { "To" input type="datetime-local" step="1" name="to" value=[time(to)]; }
                (field("actor", "Operator", actor))
                label { "Event" input type="text" name="event" value=[event.as_deref()] maxlength="4096" list=(events::ID) autocomplete="off"; }
                (events::suggestions())
                (field("resource", "Resource ID", resource))
                (field("source", "Source", source))
                (self.outcomes())
                label { "Search" input type="search" name="q" value=[q.as_deref()] maxlength="256" data-key="/"
                    placeholder="event, operator, resource, address"; }
                button.primary type="submit" { "Show" }
            }
        }
    }

    fn outcomes(&self) -> Markup {
        let chosen = self.state.outcome.as_deref().unwrap_or_default();
        html! {
            label { "Outcome" select name="outcome" {
                option value="" { "any" }
                @for outcome in Outcome::ALL {
                    option value=(outcome.as_str()) selected[chosen == outcome.as_str()] { (outcome.as_str()) }
                }
                // A link may name several, which a choice of one must not drop.
                @if chosen.contains(',') { option value=(chosen) selected { (chosen) } }
            } }
        }
    }

    fn table(&self) -> Markup {
        html! {
            table.requests.audit {
                thead { tr {
                    th scope="col" { "Time" } th scope="col" { "Operator" } th scope="col" { "Event" }
                    th scope="col" { "Resource ID" } th scope="col" { "Resource Name" } th scope="col" { "IP Address" }
                    th scope="col" { "Source" } th scope="col" { "Outcome" }
                } }
                tbody { @for row in &self.rows { (self.row(row)) } }
            }
            nav.paging aria-label="Newer and older" {
                @if let Some(newer) = &self.newer {
                    a href=(AuditState { before: Some(newer.clone()), ..self.state.first_page() }.url()) rel="prev" { "← Newer" }
                }
                @if let Some(older) = &self.older {
                    a href=(AuditState { after: Some(older.clone()), ..self.state.first_page() }.url()) rel="next" { "Older →" }
                }
            }
        }
    }

    fn row(&self, row: &EntryRow) -> Markup {
        let entry = match row {
            EntryRow::Entry(entry) => entry,
            EntryRow::Damaged(position) => return note(*position, "is damaged and not shown"),
            EntryRow::Unreadable(position) => return note(*position, "has a format that this version does not know"),
        };
        let is_open = self.state.row.as_deref() == Some(entry.id.as_str());
        let us = i64::try_from(entry.time).unwrap_or(i64::MAX);
        html! {
            tr.open[is_open] data-row=(entry.id) {
                td { time datetime=(text::rfc3339(us)) title=(text::utc(us)) { (self.zone.day_and_clock(us)) } }
                td { bdi { (operator(&entry.actor)) } }
                td.request {
                    a href=(self.state.with_row(Some(&entry.id)).url()) aria-current=[is_open.then_some("true")] { bdi { (entry.kind) } }
                    @if let Some(count) = entry.count { " " span.quiet { "× " (text::count(count)) } }
                }
                td { bdi { (entry.resource.id) } }
                td { bdi { (entry.resource.name.as_deref().unwrap_or_default()) } }
                td { (entry.actor.address.as_deref().unwrap_or_default()) }
                td { bdi { (entry.source) } }
                td { (outcome(entry.outcome)) }
            }
        }
    }
}

fn note(position: i64, text: &str) -> Markup {
    html! { tr.note { td colspan="8" { "The entry at position " (position) " " (text) "." } } }
}

/// Returns the name of an actor, or its id if it has none.
fn operator(actor: &Actor) -> &str {
    actor.name.as_deref().unwrap_or(&actor.id)
}

fn outcome(outcome: Outcome) -> Markup {
    let (class, word) = match outcome {
        Outcome::Success => ("success", "success"),
        Outcome::Failure => ("error", "failure"),
        Outcome::Denied => ("refused", "denied"),
    };
    html! { span class={ "chip " (class) } { (word) } }
}
