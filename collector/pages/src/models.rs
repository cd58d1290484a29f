//! The Models pages: the aliases of the policy in force, their targets, and how they fared.

mod one;

pub use one::{ModelPage, Provider};

use crate::frame::Frame;
use crate::logs::{RANGES, Range};
use crate::parts;
use crate::range_choice;
use crate::search::Term;
use crate::text;
use maud::{Markup, html};

/// The ranges of the page, by their places in [`RANGES`]: 24 hours and 7 days.
const CHOICES: [usize; 2] = [2, 3];

/// One target of an alias.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The provider.
    pub provider: String,
    /// The provider's name for the model.
    pub model: String,
    /// Lower tiers are used first.
    pub tier: String,
    /// Share of the requests within its tier.
    pub weight: String,
    /// The conditions on requests, in words.
    pub when: Vec<String>,
}

/// An alias of the policy.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// The name that clients ask for.
    pub alias: String,
    /// Its targets, in the order in which tiers are used.
    pub targets: Vec<Target>,
}

/// The requests of an alias in the range.
#[derive(Debug, Clone, Copy, Default)]
pub struct ModelUse {
    /// The number of requests.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
    /// Those for which a second target was tried.
    pub failovers: u64,
    /// 95 of 100 took at most this, µs.
    pub p95_us: Option<u64>,
}

/// The state of a page of models in its URL: the place of its range in [`RANGES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelsState(pub usize);

impl ModelsState {
    /// Reads the state from the parameters of a URL.
    ///
    /// # Errors
    /// A sentence that names the wrong parameter.
    pub fn read(query: &str) -> Result<Self, String> {
        range_choice::read(query, &CHOICES).map(Self)
    }

    fn range(self) -> Range {
        Range::Last(self.0)
    }

    /// Returns the choice of ranges of the page at a path.
    fn choice(self, path: &str) -> Markup {
        range_choice::render(path, &CHOICES, self.0)
    }

    fn label(self) -> &'static str {
        RANGES.get(self.0).map_or("", |(_, label, _)| label)
    }
}

/// The view of the page.
#[derive(Debug)]
pub struct ModelsPage {
    /// The state of the page, as its URL has it.
    pub state: ModelsState,
    /// The revision in force; `None` if there is no policy.
    pub revision: Option<i64>,
    /// The aliases, in the order of the policy.
    pub rows: Vec<(Model, ModelUse)>,
    /// Whether the policy has more.
    pub has_more: bool,
}

impl ModelsPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let main = html! {
            div.logs {
                h1 { "Models" }
                @match self.revision {
                    None => (parts::no_policy()),
                    Some(revision) => {
                        p { "Aliases of the policy in force, revision " (revision) ", and their requests in the last " (self.state.label()) "." }
                        div.choices { (self.state.choice("/models")) }
                        (self.table())
                        @if self.has_more { p.quiet { "The policy has more aliases than fit here." } }
                    }
                }
            }
        };
        frame.render("Models", &main)
    }

    fn table(&self) -> Markup {
        html! {
            table.list {
                thead { tr {
                    th scope="col" { "Alias" } th scope="col" { "Targets" } th.number scope="col" { "Requests" }
                    th.number scope="col" { "Errors" } th.number scope="col" { "Failovers" } th.number scope="col" { "p95" }
                } }
                tbody { @for (model, used) in &self.rows { (self.row(model, used)) } }
            }
        }
    }

    fn row(&self, model: &Model, used: &ModelUse) -> Markup {
        let alias = Term::of("model", &model.alias);
        let logs = |more: Option<Term>| {
            let terms: Vec<_> = std::iter::once(alias.clone()).chain(more).collect();
            parts::logs(&terms, self.state.range())
        };
        let own = format!(
            "{}?range={}",
            parts::path("/models", &model.alias),
            RANGES.get(self.state.0).map_or("", |(word, ..)| word)
        );
        html! {
            tr data-row=(model.alias) {
                th scope="row" { a href=(own) { bdi { (model.alias) } } }
                td data-label="Targets" { ol.targets { @for target in &model.targets { li { (self::target(target)) } } } }
                td.number data-label="Requests" { a href=(logs(None)) { (text::count(used.requests)) span.hidden { " requests in the log" } } }
                (rate("Errors", used.errors, used.requests, &logs(Some(Term::of("status", "error")))))
                (rate("Failovers", used.failovers, used.requests, &logs(Some(Term::of("failover", "true")))))
                td.number data-label="p95" { (p95(used.p95_us)) }
            }
        }
    }
}

/// Returns a target in one line.
fn target(target: &Target) -> Markup {
    html! {
        bdi { (target.provider) "/" (target.model) }
        span.quiet { " tier " (target.tier) ", weight " (target.weight) @for when in &target.when { ", " bdi { (when) } } }
    }
}

/// Returns a cell with a share, which leads to the records that it counts.
fn rate(label: &'static str, part: u64, whole: u64, logs: &str) -> Markup {
    html! {
        td.number data-label=(label) {
            @if whole == 0 { span.quiet { "–" } } @else {
                a href=(logs) title={ (text::count(part)) " of " (text::count(whole)) } {
                    (text::percent(part, whole)) span.hidden { " " (label) ", " (text::count(part)) " in the log" }
                }
            }
        }
    }
}

fn p95(us: Option<u64>) -> Markup {
    html! { @match us { Some(us) => (text::duration(us)), None => span.quiet { "–" } } }
}

#[cfg(test)]
mod tests {
    use super::ModelsState;

    #[test]
    fn the_range_is_in_the_url() {
        assert_eq!(ModelsState::read("").map(ModelsState::label), Ok("24 h"));
        assert_eq!(ModelsState::read("range=7d").map(ModelsState::label), Ok("7 d"));
        assert!(ModelsState::read("range=30d").is_err() && ModelsState::read("x=1").is_err());
    }
}
