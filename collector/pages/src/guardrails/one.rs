//! One guardrail: its hits by day and by key.

use super::{Guardrail, GuardrailsState, Hits, action, bars, logs};
use crate::frame::Frame;
use crate::logs::Range;
use crate::parts;
use crate::search::Term;
use crate::text;
use maud::{Markup, html};

/// The page of a guardrail.
#[derive(Debug)]
pub struct GuardrailPage {
    /// The state of the page, as its URL has it.
    pub state: GuardrailsState,
    /// The guardrail.
    pub guardrail: Guardrail,
    /// Its hits by day.
    pub hits: Hits,
    /// Its hits by key, the most first.
    pub keys: Vec<(String, u64)>,
}

impl GuardrailPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let id = &self.guardrail.id;
        let main = html! {
            div.logs {
                p.crumbs { a href="/guardrails" { "Guardrails" } " / " bdi { (id) } }
                h1 { bdi { (id) } " " (action(&self.guardrail.action)) }
                (self.about())
                div.choices { (self.state.choice(&parts::path("/guardrails", id))) }
                p.totals {
                    a href=(logs(&self.guardrail, &[], self.hits.range())) { (text::count(self.hits.total())) @if self.hits.total() == 1 { " hit" } @else { " hits" } }
                    " in the last " (self.state.label())
                }
                div.pair { (self.days()) (self.keys()) }
            }
        };
        frame.render(&format!("Guardrail {id}"), &main)
    }

    fn about(&self) -> Markup {
        let Guardrail { detects, on, only, .. } = &self.guardrail;
        let facts = [
            ("Detects", detects.join("; ")),
            ("Direction", on.join(", ")),
            ("Only where", if only.is_empty() { "always".to_owned() } else { only.join("; ") }),
        ];
        parts::facts(&facts, false)
    }

    fn days(&self) -> Markup {
        let starts = (0_i64..).map(|day| self.hits.start.saturating_add(self.hits.width.saturating_mul(day)));
        let days: Vec<_> = starts.zip(&self.hits.days).collect();
        html! {
            section {
                h2 { "By day" }
                (bars(&self.hits))
                table.list {
                    thead { tr { th scope="col" { "Day (UTC)" } th.number scope="col" { "Hits" } } }
                    tbody { @for (start, count) in days.iter().rev() { (self.day(*start, **count)) } }
                }
            }
        }
    }

    fn day(&self, start: i64, count: u64) -> Markup {
        let range = Range::Between(Some(start), Some(start.saturating_add(self.hits.width)));
        html! {
            tr {
                th scope="row" { (text::utc(start).get(..10).unwrap_or_default()) }
                td.number data-label="Hits" {
                    @if count == 0 { span.quiet { "0" } } @else {
                        a href=(logs(&self.guardrail, &[], range)) { (text::count(count)) span.hidden { " hits in the log" } }
                    }
                }
            }
        }
    }

    fn keys(&self) -> Markup {
        html! {
            section {
                h2 { "By key" }
                @if self.keys.is_empty() { p { "No key in this range." } } @else {
                    table.list {
                        thead { tr { th scope="col" { "Key" } th.number scope="col" { "Hits" } } }
                        tbody { @for (key, count) in &self.keys { tr {
                            th scope="row" { a href=(parts::path("/keys", key)) { bdi { (key) } } }
                            td.number data-label="Hits" {
                                a href=(logs(&self.guardrail, &[Term::of("key", key)], self.hits.range())) { (text::count(*count)) span.hidden { " hits in the log" } }
                            }
                        } } }
                    }
                }
            }
        }
    }
}
