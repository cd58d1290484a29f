//! The Retention page: how long the logs are kept, the legal holds, and the clock that deletion goes by.

mod change;
mod holds;

pub use change::{ChangePage, Due, Preview};
pub use holds::{HoldDraft, HoldRow, ReleasePage};

use crate::frame::Frame;
use crate::parts;
use crate::text::{self, Zone};
use headgate_collector_types::retention::{DAY_US, Rules, cutoff};
use maud::{Markup, html};

/// The clock of the host, and the time that deletion goes by, µs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clocks {
    /// The time of the host's clock.
    pub host: i64,
    /// The trusted time.
    pub trusted: i64,
    /// Whether the host's clock has leapt.
    pub leapt: bool,
}

/// The view of the page.
#[derive(Debug)]
pub struct RetentionPage {
    /// The rules as they were set.
    pub rules: Rules,
    /// The revision of the rules.
    pub revision: i64,
    /// When they were set, µs.
    pub changed_at: Option<i64>,
    /// When they take effect, if they keep less than before and have not yet, µs.
    pub takes_effect_at: Option<i64>,
    /// The rules that deletion goes by now.
    pub in_force: Rules,
    /// When the oldest record and the oldest audit entry were received, µs.
    pub oldest: [Option<i64>; 2],
    /// The clocks.
    pub clocks: Clocks,
    /// The holds, the newest first.
    pub holds: Vec<HoldRow>,
    /// Whether the reader may change anything.
    pub may_change: bool,
    /// The hold that a refused form describes.
    pub draft: HoldDraft,
    /// The sentence about a change that was made.
    pub done: Option<&'static str>,
    /// The reason why the clock was not confirmed.
    pub clock_problem: Option<String>,
    /// The reader's zone.
    pub zone: Zone,
}

impl RetentionPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs {
                h1 { "Retention and holds" }
                (parts::done(self.done))
                (self.rules())
                @if self.may_change { (change::form(&self.rules, self.revision)) }
                (self.clock(frame))
                (holds::section(self, frame))
            }
        };
        frame.render("Retention and holds", &main)
    }

    fn rules(&self) -> Markup {
        let now = self.clocks.trusted;
        let next = now.div_euclid(DAY_US).saturating_add(1).saturating_mul(DAY_US);
        let Rules { requests, audit } = &self.in_force;
        html! {
            section {
                h2 { "Rules" }
                p { "Whole days (UTC) are deleted once they are older than their rule, except entries under a hold. " a href="/audit?event=retention.changed" { "Changes of the rules" } }
                table.list {
                    thead { tr {
                        th scope="col" { "Entries" } th.number scope="col" { "Days" } th scope="col" { "Kept from" } th scope="col" { "Oldest there is" }
                    } }
                    tbody {
                        (rule("Request records", requests.days, now, Some(self.received(0))))
                        @for (class, days) in &requests.classes { (rule(&format!("Request records of class {class}"), *days, now, None)) }
                        (rule("Audit entries", audit.days, now, Some(self.received(1))))
                    }
                }
                @if let Some(at) = self.takes_effect_at {
                    p.problem { "Shorter rules were set and take effect at " (self.zone.day_and_clock(at)) ": until then the longer ones hold." }
                }
                p { "Next deletion: " (parts::time(&self.zone, next)) ", as soon as the day is over (UTC)."
                    @if let Some(at) = self.changed_at { " Rules of " (parts::time(&self.zone, at)) "." } }
            }
        }
    }

    fn received(&self, log: usize) -> Markup {
        html! {
            @match self.oldest.get(log).copied().flatten() {
                Some(at) => (parts::time(&self.zone, at)),
                None => span.quiet { "none" },
            }
        }
    }

    fn clock(&self, frame: &Frame) -> Markup {
        let Clocks { host, trusted, leapt } = self.clocks;
        html! {
            section {
                h2 { "Clock" }
                (parts::problem(self.clock_problem.as_deref()))
                @if leapt {
                    p { span.chip.error { "✕ leapt" } " The host's clock says " (text::utc(host)) ", and the trusted time is " (text::utc(trusted))
                        ". Deletion goes by the trusted time, which follows slowly." }
                    @if self.may_change { (self.confirm(frame)) }
                } @else {
                    p { span.chip.success { "✓ trusted" } " Deletion goes by " (text::utc(trusted)) "." }
                }
            }
        }
    }

    fn confirm(&self, frame: &Frame) -> Markup {
        html! {
            form.inline method="post" action="/retention/clock" hx-boost="false" {
                (parts::csrf(&frame.person))
                label { "The time by another clock, such as your watch (" (self.zone.name) ") "
                    input type="datetime-local" name="now" step="1" required;
                }
                button type="submit" { "Confirm the host's clock" }
            }
            p.quiet { "Confirm only after you have read the time elsewhere: deletion catches up at once." }
        }
    }
}

fn rule(name: &str, days: u32, now: i64, oldest: Option<Markup>) -> Markup {
    let from = text::utc(cutoff(days, now));
    html! {
        tr {
            th scope="row" { bdi { (name) } }
            td.number data-label="Days" { (days) }
            td data-label="Kept from" { (from.get(..10).unwrap_or_default()) " (UTC)" }
            td data-label="Oldest there is" { @match oldest { Some(oldest) => (oldest), None => span.quiet { "–" } } }
        }
    }
}
