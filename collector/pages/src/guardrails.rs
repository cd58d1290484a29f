//! The Guardrails pages: the rules on text of the policy in force, and how often each found something.

mod one;

pub use one::GuardrailPage;

use crate::frame::Frame;
use crate::logs::{RANGES, Range};
use crate::parts;
use crate::range_choice;
use crate::search::Term;
use crate::text;
use maud::{Markup, html};

/// The ranges of the page, by their places in [`RANGES`]: 7 and 30 days.
const CHOICES: [usize; 2] = [3, 4];

/// A guardrail of the policy.
#[derive(Debug, Clone, Default)]
pub struct Guardrail {
    /// Its id.
    pub id: String,
    /// The kinds that it looks for, in words: `secrets`, `pii: email, card`.
    pub detects: Vec<String>,
    /// `block`, `mask` or `monitor`.
    pub action: String,
    /// The directions that it scans: `request`, `response`.
    pub on: Vec<String>,
    /// The requests to which it applies, in words; all if there is none.
    pub only: Vec<String>,
}

/// Requests by day, on which a guardrail found something.
#[derive(Debug, Clone, Default)]
pub struct Hits {
    /// The beginning of the first day, µs.
    pub start: i64,
    /// The length of a day, µs.
    pub width: i64,
    /// The requests of each day.
    pub days: Vec<u64>,
}

impl Hits {
    fn total(&self) -> u64 {
        self.days.iter().sum()
    }

    /// Returns the range that the days cover.
    fn range(&self) -> Range {
        let days = i64::try_from(self.days.len()).unwrap_or(0);
        Range::Between(Some(self.start), Some(self.start.saturating_add(self.width.saturating_mul(days))))
    }
}

/// The state of a page of guardrails in its URL: the place of its range in [`RANGES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardrailsState(pub usize);

impl GuardrailsState {
    /// Reads the state from the parameters of a URL.
    ///
    /// # Errors
    /// A sentence that names the wrong parameter.
    pub fn read(query: &str) -> Result<Self, String> {
        range_choice::read(query, &CHOICES).map(Self)
    }

    fn label(self) -> &'static str {
        RANGES.get(self.0).map_or("", |(_, label, _)| label)
    }

    fn word(self) -> &'static str {
        RANGES.get(self.0).map_or("", |(word, ..)| word)
    }

    fn choice(self, path: &str) -> Markup {
        range_choice::render(path, &CHOICES, self.0)
    }
}

/// The view of the page.
#[derive(Debug)]
pub struct GuardrailsPage {
    /// The state of the page, as its URL has it.
    pub state: GuardrailsState,
    /// The revision in force; `None` if there is no policy.
    pub revision: Option<i64>,
    /// The guardrails, in the order of the policy.
    pub rows: Vec<(Guardrail, Hits)>,
}

impl GuardrailsPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs {
                h1 { "Guardrails" }
                @match self.revision {
                    None => (parts::no_policy()),
                    Some(revision) => {
                        p { "Rules on the text of prompts and answers, of the policy in force, revision " (revision) ". A hit is a request on which the guardrail found something. The text itself is not stored." }
                        @if self.rows.is_empty() { (empty()) } @else {
                            div.choices { (self.state.choice("/guardrails")) }
                            (self.table())
                        }
                    }
                }
            }
        };
        frame.render("Guardrails", &main)
    }

    fn table(&self) -> Markup {
        html! {
            table.list {
                thead { tr {
                    th scope="col" { "Guardrail" } th scope="col" { "Detects" } th scope="col" { "Action" } th scope="col" { "Direction" }
                    th scope="col" { "Hits by day, " (self.state.label()) } th.number scope="col" { "Hits" }
                } }
                tbody { @for (guardrail, hits) in &self.rows { (self.row(guardrail, hits)) } }
            }
        }
    }

    fn row(&self, guardrail: &Guardrail, hits: &Hits) -> Markup {
        let own = format!("{}?range={}", parts::path("/guardrails", &guardrail.id), self.state.word());
        html! {
            tr data-row=(guardrail.id) {
                th scope="row" { a href=(own) { bdi { (guardrail.id) } } }
                td data-label="Detects" { bdi { (guardrail.detects.join("; ")) } }
                td data-label="Action" { (action(&guardrail.action)) }
                td data-label="Direction" { (guardrail.on.join(", ")) }
                td data-label="Hits by day" { (bars(hits)) }
                td.number data-label="Hits" {
                    a href=(logs(guardrail, &[], hits.range())) { (text::count(hits.total())) span.hidden { " hits in the log" } }
                }
            }
        }
    }
}

fn empty() -> Markup {
    html! {
        div.empty {
            h2 { "The policy has no guardrails." }
            p { "Put them under " code { "guardrails" } " of gateway.yaml, first with " code { "action: monitor" } ": this page then shows what they would have done." }
        }
    }
}

/// Returns the address of the requests on which a guardrail found something.
fn logs(guardrail: &Guardrail, more: &[Term], range: Range) -> String {
    let mut terms = vec![Term::of("policy", &guardrail.id), Term::of("stage", "guardrails")];
    terms.extend_from_slice(more);
    parts::logs(&terms, range)
}

fn action(action: &str) -> Markup {
    let class = match action {
        "block" => "chip error",
        "mask" => "chip refused",
        _ => "chip aborted",
    };
    html! { span class=(class) { (action) } }
}

/// Returns a small drawing of the hits by day.
fn bars(hits: &Hits) -> Markup {
    let most = hits.days.iter().copied().max().unwrap_or(0).max(1);
    let height = |count: u64| count.saturating_mul(18).div_ceil(most);
    html! {
        svg.spark viewBox={ "0 0 " (hits.days.len() * 6) " 20" } preserveAspectRatio="none" role="img" aria-label={ "At most " (hits.days.iter().max().unwrap_or(&0)) " on a day" } {
            @for (place, count) in hits.days.iter().enumerate() {
                rect x=(place * 6) width="5" y=(20 - height(*count).max(1)) height=(height(*count).max(1)) .some[*count > 0] {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::GuardrailsState;

    #[test]
    fn the_range_is_in_the_url() {
        assert_eq!(GuardrailsState::read("").map(GuardrailsState::word), Ok("7d"));
        assert_eq!(GuardrailsState::read("range=30d").map(GuardrailsState::label), Ok("30 d"));
        assert!(GuardrailsState::read("range=24h").is_err() && GuardrailsState::read("x=1").is_err());
    }
}
