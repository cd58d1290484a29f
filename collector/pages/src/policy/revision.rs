//! One revision, or two compared: the resources that differ, with their values before and after.

use super::{Counts, Revision, Workers, changed, links, note};
use crate::frame::Frame;
use crate::parts;
use crate::text::{self, Zone};
use headgate_collector_types::audit::{Change, Operation};
use maud::{Markup, html};

/// A resource that differs between two revisions.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The operation that leads from the earlier revision to the later one.
    pub operation: Operation,
    /// The kind: `key`, `model`, `budget` and so on.
    pub kind: String,
    /// The id.
    pub id: String,
    /// The differences by path, secrets masked.
    pub changes: Vec<Change>,
}

/// A revision and its differences from another one.
#[derive(Debug)]
pub struct RevisionPage {
    /// The revision.
    pub revision: Revision,
    /// The number of the revision that it is compared with; `None` if it is the first.
    pub from: Option<i64>,
    /// Whether the other revision was chosen, and is not simply the one before.
    pub is_chosen: bool,
    /// The first resources that differ.
    pub changed: Vec<Changed>,
    /// The number of all resources that differ.
    pub counts: Counts,
    /// The live workers.
    pub workers: Workers,
    /// The number of the newest revision.
    pub newest: i64,
    /// Whether the reader may see the file as it was written.
    pub shows_text: bool,
    /// The reader's zone.
    pub zone: Zone,
}

impl RevisionPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let number = self.revision.number;
        let main = html! {
            div.logs {
                p.crumbs { a href="/policy" { "Policy" } " / revision " (number) }
                h1 { "Revision " (number) " " (note(&self.revision)) }
                (self.about())
                (self.compare())
                h2 {
                    @match (self.from, self.is_chosen) {
                        (None, _) => "The first revision",
                        (Some(from), false) => { "Changes since revision " (from) },
                        (Some(from), true) => { "Compared with revision " (from) },
                    }
                    " " (changed(Some(&self.counts)))
                }
                (self.resources())
            }
        };
        frame.render(&format!("Revision {number}"), &main)
    }

    fn about(&self) -> Markup {
        let Revision { number, effective_at, by, config_revision, workers, .. } = &self.revision;
        html! {
            p.sentence {
                "Put in force by " bdi { (by) } " at " (parts::time(&self.zone, *effective_at)) ". "
                @if self.workers.live > 0 { (workers) " of " (self.workers.live) " live workers run it." } @else { "No worker is live now." }
            }
            p.actions {
                @if *number > 1 { a href={ "/policy/" (number - 1) } { "← Revision " (number - 1) } }
                @if *number < self.newest { a href={ "/policy/" (number + 1) } { "Revision " (number + 1) " →" } }
                span { (links(&self.revision)) }
                a href={ "/v1/policy/" (number) "/diff" } hx-boost="false" { "JSON" }
                @if self.shows_text { a href={ "/v1/policy/" (number) "/gateway.yaml" } hx-boost="false" { "gateway.yaml as written" } }
                code { (config_revision) }
            }
        }
    }

    fn compare(&self) -> Markup {
        let number = self.revision.number;
        html! {
            @if self.newest > 1 {
                form.inline method="get" action={ "/policy/" (number) "/diff" } {
                    label { "Compare with revision "
                        input type="number" name="from" min="1" max=(self.newest) value=[self.from] required;
                    }
                    button type="submit" { "Compare" }
                }
            }
        }
    }

    fn resources(&self) -> Markup {
        let total = self.counts.created.saturating_add(self.counts.updated).saturating_add(self.counts.deleted);
        let shown = u64::try_from(self.changed.len()).unwrap_or(u64::MAX);
        html! {
            @if total == 0 {
                div.empty { p { "No resource differs. Comments, spelling and order are no change." } }
            }
            @for resource in &self.changed { (self.resource(resource)) }
            @if shown < total {
                p.quiet { "The first " (text::count(shown)) " of " (text::count(total)) " resources. " a href={ "/audit?revision=" (self.revision.number) } { "The audit log has an entry for each." } }
            }
        }
    }

    fn resource(&self, resource: &Changed) -> Markup {
        let (class, word) = match resource.operation {
            Operation::Create => ("success", "added"),
            Operation::Delete => ("error", "removed"),
            _ => ("refused", "changed"),
        };
        html! {
            details.resource open[self.changed.len() <= 20] {
                summary {
                    span class={ "chip " (class) } { (word) } " " (resource.kind) " "
                    @if resource.id != resource.kind { strong { bdi { (resource.id) } } " " }
                    span.quiet { (resource.changes.len()) @if resource.changes.len() == 1 { " value" } @else { " values" } }
                }
                (parts::changes(&resource.changes))
            }
        }
    }
}
