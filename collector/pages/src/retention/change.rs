//! The change of the rules: a form, and the page that says what the change would delete.

use crate::frame::Frame;
use crate::parts;
use crate::text::{self, Zone};
use headgate_collector_types::retention::{PRESETS, Rules};
use maud::{Markup, html};

/// Returns the form for other rules. It leads to the page that shows their effect.
pub(super) fn form(rules: &Rules, revision: i64) -> Markup {
    html! {
        details.draft {
            summary { "Change the rules" }
            form.filters method="get" action="/retention/change" {
                input type="hidden" name="revision" value=(revision);
                (fields(rules))
                button type="submit" { "Show the effect" }
            }
            p { "Keep both logs for as long as a standard asks:"
                @for (standard, days) in PRESETS { " " a href=(preset(rules, revision, days)) { (standard) ", " (days) " days" } } }
        }
    }
}

/// Returns the address of the page about rules that keep both logs for these days at least.
fn preset(rules: &Rules, revision: i64, days: u32) -> String {
    let (requests, audit) = (rules.requests.days.max(days), rules.audit.days.max(days));
    let classes: String = form_urlencoded::byte_serialize(classes(rules, days).as_bytes()).collect();
    format!("/retention/change?revision={revision}&requests={requests}&audit={audit}&classes={classes}")
}

/// Returns the classes as the form has them, each for these days at least.
fn classes(rules: &Rules, least: u32) -> String {
    let lines = rules.requests.classes.iter().map(|(class, days)| format!("{class}={}", days.max(&least)));
    lines.collect::<Vec<_>>().join("\n")
}

fn fields(rules: &Rules) -> Markup {
    let days = |name: &'static str, label: &'static str, days: u32| {
        html! { label { (label) input type="number" name=(name) min="1" max="36500" value=(days) required; } }
    };
    html! {
        (days("requests", "Days for request records", rules.requests.days))
        (days("audit", "Days for audit entries", rules.audit.days))
        label { "Days by retention class, one CLASS=DAYS a line"
            textarea name="classes" rows="3" maxlength="4096" { (classes(rules, 0)) }
        }
    }
}

/// Entries of a log that a change would delete.
#[derive(Debug, Clone, Copy, Default)]
pub struct Due {
    /// Because of the change.
    pub entries: u64,
    /// Anyway.
    pub anyway: u64,
    /// Those that only a hold keeps.
    pub held: u64,
}

/// The effect of other rules.
#[derive(Debug, Clone, Copy, Default)]
pub struct Preview {
    /// On the request log and on the audit log.
    pub logs: [Due; 2],
    /// When the rules would take effect, µs, if they keep less than before.
    pub takes_effect_at: Option<i64>,
}

/// The page that asks for confirmation.
#[derive(Debug)]
pub struct ChangePage {
    /// The rules that were asked for.
    pub rules: Rules,
    /// The revision that they were made from.
    pub revision: i64,
    /// Their effect, or the reason why they cannot be set.
    pub effect: Result<Preview, String>,
    /// The rules as they are sent.
    pub classes: String,
    /// The reader's zone.
    pub zone: Zone,
}

impl ChangePage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs {
                p.crumbs { a href="/retention" { "Retention and holds" } " / change" }
                h1 { "Change the rules" }
                @match &self.effect {
                    Err(problem) => { (parts::problem(Some(problem))) (form(&self.rules, self.revision)) }
                    Ok(preview) => (self.ask(frame, preview)),
                }
            }
        };
        frame.render("Change the rules", &main)
    }

    fn ask(&self, frame: &Frame, preview: &Preview) -> Markup {
        let [requests, audit] = preview.logs;
        let deletes = requests.entries.saturating_add(audit.entries);
        html! {
            table.list {
                thead { tr {
                    th scope="col" { "Log" } th.number scope="col" { "Days" } th.number scope="col" { "Deleted by this change" }
                    th.number scope="col" { "Deleted anyway" } th.number scope="col" { "Kept by holds" }
                } }
                tbody {
                    (row("Request records", self.rules.requests.days, &requests))
                    (row("Audit entries", self.rules.audit.days, &audit))
                }
            }
            @if !self.rules.requests.classes.is_empty() {
                p { "Classes: " @for (class, days) in &self.rules.requests.classes { bdi { (class) } " " (days) " days " } }
            }
            p.sentence {
                @if deletes > 0 { "This would delete " strong { (text::count(deletes)) @if deletes == 1 { " entry" } @else { " entries" } } ". Deleted entries cannot be brought back." }
                @else { "This deletes nothing now." }
            }
            @if let Some(at) = preview.takes_effect_at {
                p { "The rules keep less than before, so they take effect at " (parts::time(&self.zone, at)) ". Until then you can set them back, and nothing is lost." }
            }
            form.inline method="post" action="/retention/change" hx-boost="false" {
                (parts::csrf(&frame.person))
                input type="hidden" name="revision" value=(self.revision);
                input type="hidden" name="requests" value=(self.rules.requests.days);
                input type="hidden" name="audit" value=(self.rules.audit.days);
                input type="hidden" name="classes" value=(self.classes);
                (parts::justification())
                button.primary type="submit" { "Set these rules" }
                a href="/retention" { "Cancel" }
            }
        }
    }
}

fn row(name: &str, days: u32, due: &Due) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            td.number data-label="Days" { (days) }
            td.number data-label="Deleted by this change" { (text::count(due.entries)) }
            td.number data-label="Deleted anyway" { (text::count(due.anyway)) }
            td.number data-label="Kept by holds" { (text::count(due.held)) }
        }
    }
}
