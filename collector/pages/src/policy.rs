//! The Policy pages: the revisions, which workers run them, and what each one changed.

mod revision;

pub use revision::{Changed, RevisionPage};

use crate::frame::Frame;
use crate::parts;
use crate::text::{self, Zone};
use maud::{Markup, html};

/// Resources that a revision added, changed and removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Added resources.
    pub created: u64,
    /// Changed resources.
    pub updated: u64,
    /// Removed resources.
    pub deleted: u64,
}

/// A revision of the policy.
#[derive(Debug, Clone, Default)]
pub struct Revision {
    /// 1, 2, 3 and so on.
    pub number: i64,
    /// The name that records and workers carry.
    pub config_revision: String,
    /// Since when, µs.
    pub effective_at: i64,
    /// Name or id of the actor that put it in force.
    pub by: String,
    /// The revision that it brought back.
    pub restores: Option<i64>,
    /// Whether it is the one in force.
    pub in_force: bool,
    /// Live workers that run it.
    pub workers: usize,
}

/// A live worker that runs another policy than the one in force.
#[derive(Debug, Clone, Default)]
pub struct OtherWorker {
    /// The proxy.
    pub node: String,
    /// The worker's boot.
    pub boot: String,
    /// The name of the policy that it runs.
    pub config_revision: String,
    /// The number of that policy here, if this collector has it.
    pub number: Option<i64>,
}

/// The live workers of all proxies.
#[derive(Debug, Clone, Default)]
pub struct Workers {
    /// Their number.
    pub live: usize,
    /// Those that do not run the policy in force.
    pub others: Vec<OtherWorker>,
}

/// The list of revisions.
#[derive(Debug, Default)]
pub struct PolicyPage {
    /// The revisions of this page, the newest first, with their counts where the audit log still has them.
    pub revisions: Vec<(Revision, Option<Counts>)>,
    /// The cursor to older revisions, if there are any.
    pub older: Option<String>,
    /// The live workers.
    pub workers: Workers,
    /// The reader's zone.
    pub zone: Zone,
}

impl PolicyPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs {
                h1 { "Policy" }
                @if self.revisions.is_empty() {
                    (parts::no_policy())
                } @else {
                    p { "Each gateway.yaml that was put in force is a revision. Records, workers and the audit log name the one that applied." }
                    (others(&self.workers))
                    (self.table())
                }
            }
        };
        frame.render("Policy", &main)
    }

    fn table(&self) -> Markup {
        html! {
            table.list {
                thead { tr {
                    th scope="col" { "Revision" } th scope="col" { "Since" } th scope="col" { "By" } th scope="col" { "Note" }
                    th scope="col" { "Changes" } th.number scope="col" { "Workers" } th scope="col" { "Links" }
                } }
                tbody { @for (revision, counts) in &self.revisions { (self.row(revision, counts.as_ref())) } }
            }
            @if let Some(older) = &self.older {
                nav.paging aria-label="Newer and older" { a href={ "/policy?after=" (older) } rel="next" { "Older →" } }
            }
        }
    }

    fn row(&self, revision: &Revision, counts: Option<&Counts>) -> Markup {
        let number = revision.number;
        html! {
            tr data-row=(number) {
                th scope="row" {
                    a href={ "/policy/" (number) } { "Revision " (number) }
                    span.second { (revision.config_revision) }
                }
                td data-label="Since" { (parts::time(&self.zone, revision.effective_at)) }
                td data-label="By" { bdi { (revision.by) } }
                td data-label="Note" { (note(revision)) }
                td data-label="Changes" { (changed(counts)) }
                td.number data-label="Workers" { (revision.workers) "/" (self.workers.live) }
                td data-label="Links" { (links(revision)) }
            }
        }
    }
}

/// Returns the marks of a revision.
fn note(revision: &Revision) -> Markup {
    html! {
        @if revision.in_force { span.chip.success { "in force" } " " }
        @if let Some(restores) = revision.restores {
            "brings back " a href={ "/policy/" (restores) } { "revision " (restores) }
        }
    }
}

fn changed(counts: Option<&Counts>) -> Markup {
    let Some(Counts { created, updated, deleted }) = counts else {
        return html! { span.quiet title="The audit log no longer has the entries of this revision." { "not kept" } };
    };
    html! {
        span.counts {
            span title="Added" { "+" (text::count(*created)) span.hidden { " added" } } " "
            span title="Changed" { "~" (text::count(*updated)) span.hidden { " changed" } } " "
            span title="Removed" { "−" (text::count(*deleted)) span.hidden { " removed" } }
        }
    }
}

/// Returns the links from a revision to its audit entries and its requests.
fn links(revision: &Revision) -> Markup {
    let term = crate::search::Term::of("revision", &revision.config_revision);
    html! {
        a href={ "/audit?revision=" (revision.number) } { "Audit" } " · "
        a href=(parts::logs(&[term], crate::logs::Range::All)) { "Requests" }
    }
}

/// Returns the workers that run another policy than the one in force.
fn others(workers: &Workers) -> Markup {
    html! {
        @if workers.live == 0 {
            p.quiet { "No worker is live now, so none runs a policy. " a href="/help/traffic" { "Why?" } }
        } @else if workers.others.is_empty() {
            p { span.chip.success { "✓ " (workers.live) "/" (workers.live) } " All live workers run the revision in force." }
        } @else {
            section {
                h2 { span.chip.refused { (workers.others.len()) " of " (workers.live) } " live workers do not run the revision in force" }
                ul.plain { @for worker in &workers.others { li {
                    a href="/dataplanes" { bdi { (worker.node) } } " " span.quiet { bdi { (worker.boot) } } " runs "
                    @match worker.number {
                        Some(number) => a href={ "/policy/" (number) } { "revision " (number) },
                        None => { "a policy that was never put here, " code { (worker.config_revision) } }
                    }
                } } }
            }
        }
    }
}
