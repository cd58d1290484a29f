//! Legal holds: the list, the form for a new one, and the page that asks before one is released.

use super::RetentionPage;
use crate::frame::Frame;
use crate::parts;
use crate::text::Zone;
use maud::{Markup, html};

/// A hold.
#[derive(Debug, Clone, Default)]
pub struct HoldRow {
    /// Its id.
    pub id: String,
    /// The log: `requests` or `audit`.
    pub log: &'static str,
    /// The entries that it covers, in words.
    pub scope: Vec<String>,
    /// The reason, as given.
    pub reason: String,
    /// Id of the actor that placed it.
    pub placed_by: String,
    /// When, µs.
    pub placed_at: i64,
}

/// The fields of the form, as they were sent, and the reason why it was refused.
#[derive(Debug, Clone, Default)]
pub struct HoldDraft {
    /// Names and values.
    pub fields: Vec<(&'static str, String)>,
    /// The reason of the refusal.
    pub problem: Option<String>,
}

impl HoldDraft {
    /// The names of the fields.
    pub const FIELDS: [&'static str; 11] =
        ["log", "key_id", "owner", "team", "project", "actor_id", "resource_id", "from", "to", "everything", "reason"];

    fn value(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_str())
    }
}

/// Returns the part of the page about holds.
pub(super) fn section(page: &RetentionPage, frame: &Frame) -> Markup {
    html! {
        section {
            h2 { "Legal holds" }
            p { "Entries that a hold covers are not deleted until it is released. " a href="/audit?event=hold.placed,hold.released" { "Holds in the audit log" } }
            @if page.holds.is_empty() { p.quiet { "No hold stands." } } @else { (table(page)) }
            @if page.may_change { (form(&page.draft, frame, &page.zone)) }
        }
    }
}

fn table(page: &RetentionPage) -> Markup {
    html! {
        table.list {
            thead { tr {
                th scope="col" { "Hold" } th scope="col" { "Log" } th scope="col" { "Covers" } th scope="col" { "Reason" }
                th scope="col" { "Placed" } @if page.may_change { th scope="col" { "Action" } }
            } }
            tbody { @for hold in &page.holds { tr data-hold=(hold.id) {
                th scope="row" { (hold.id) }
                td data-label="Log" { (hold.log) }
                td data-label="Covers" { bdi { (hold.scope.join(", ")) } }
                td data-label="Reason" { bdi { (hold.reason) } }
                td data-label="Placed" { (parts::time(&page.zone, hold.placed_at)) span.second { "by " bdi { (hold.placed_by) } } }
                @if page.may_change { td data-label="Action" { a href=(release(&hold.id)) { "Release" span.hidden { " " (hold.id) } } } }
            } } }
        }
    }
}

fn release(id: &str) -> String {
    format!("{}/release", parts::path("/retention/holds", id))
}

fn form(draft: &HoldDraft, frame: &Frame, zone: &Zone) -> Markup {
    let text = |name: &'static str, label: &'static str| {
        html! { label { (label) input type="text" name=(name) maxlength="256" value=(draft.value(name)); } }
    };
    let time = |name: &'static str, label: &'static str| {
        html! { label { (label) " (" (zone.name) ")" input type="datetime-local" step="1" name=(name) value=(draft.value(name)); } }
    };
    html! {
        details.draft open[draft.problem.is_some()] {
            summary { "Place a hold" }
            form.filters method="post" action="/retention/holds" hx-boost="false" {
                (parts::csrf(&frame.person))
                (parts::problem(draft.problem.as_deref()))
                label { "Log" select name="log" {
                    option value="requests" selected[draft.value("log") != "audit"] { "Request records" }
                    option value="audit" selected[draft.value("log") == "audit"] { "Audit entries" }
                } }
                (text("key_id", "Key")) (text("owner", "Owner")) (text("team", "Team")) (text("project", "Project"))
                (text("actor_id", "Operator (audit)")) (text("resource_id", "Resource ID (audit)"))
                (time("from", "From")) (time("to", "To"))
                label.check { input type="checkbox" name="everything" value="true" checked[draft.value("everything") == "true"]; " Everything in this log" }
                label.wide-field { "Reason, such as the number of a case"
                    input type="text" name="reason" maxlength="256" required value=(draft.value("reason"));
                }
                (parts::justification())
                button.primary type="submit" { "Place the hold" }
            }
        }
    }
}

/// The page that asks before a hold is released.
#[derive(Debug)]
pub struct ReleasePage {
    /// The hold.
    pub hold: HoldRow,
    /// The reader's zone.
    pub zone: Zone,
}

impl ReleasePage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let HoldRow { id, log, scope, reason, placed_by, placed_at } = &self.hold;
        let facts = [
            ("Log", (*log).to_owned()),
            ("Covers", scope.join(", ")),
            ("Reason", reason.clone()),
            ("Placed by", placed_by.clone()),
            ("Placed at", self.zone.day_and_clock(*placed_at)),
        ];
        let main = html! {
            div.logs {
                p.crumbs { a href="/retention" { "Retention and holds" } " / release" }
                h1 { "Release " (id) "?" }
                (parts::facts(&facts, false))
                p.sentence { "The entries that only this hold keeps are deleted with the next run. Deleted entries cannot be brought back." }
                form.inline method="post" action=(release(id)) hx-boost="false" {
                    (parts::csrf(&frame.person))
                    (parts::justification())
                    button.primary type="submit" { "Release the hold" }
                    a href="/retention" { "Cancel" }
                }
            }
        };
        frame.render(&format!("Release {id}"), &main)
    }
}
