//! One alias: its targets, and how each provider fared.

use super::{Model, ModelUse, ModelsState, p95, rate};
use crate::frame::Frame;
use crate::parts;
use crate::search::{Term, write};
use crate::text;
use crate::usage::{UsageState, by};
use maud::{Markup, html};

/// The requests of an alias at one provider.
#[derive(Debug, Clone, Default)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// Requests for which it was tried.
    pub tried: u64,
    /// Requests that it served.
    pub served: u64,
    /// 95 of 100 requests that it served took at most this, µs.
    pub p95_us: Option<u64>,
}

/// The page of an alias.
#[derive(Debug)]
pub struct ModelPage {
    /// The state of the page, as its URL has it.
    pub state: ModelsState,
    /// The alias.
    pub model: Model,
    /// Its requests.
    pub used: ModelUse,
    /// Its requests by provider, the most tried first.
    pub providers: Vec<Provider>,
}

impl ModelPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let alias = &self.model.alias;
        let main = html! {
            div.logs {
                p.crumbs { a href="/models" { "Models" } " / " bdi { (alias) } }
                h1 { bdi { (alias) } }
                div.choices { (self.state.choice(&parts::path("/models", alias))) }
                (self.summary())
                h2 { "Targets" }
                (self.targets())
                h2 { "By provider" }
                (self.providers())
            }
        };
        frame.render(&format!("Model {alias}"), &main)
    }

    fn logs(&self, more: &[Term]) -> String {
        let mut terms = vec![Term::of("model", &self.model.alias)];
        terms.extend_from_slice(more);
        parts::logs(&terms, self.state.range())
    }

    fn usage(&self) -> String {
        let q = write(&[Term::of("model", &self.model.alias)]);
        UsageState { q, by: by("provider"), ..UsageState::default() }.url()
    }

    fn summary(&self) -> Markup {
        let ModelUse { requests, errors, failovers, p95_us } = self.used;
        html! {
            p.totals {
                a href=(self.logs(&[])) { (text::count(requests)) @if requests == 1 { " request" } @else { " requests" } }
                " in the last " (self.state.label())
                @if requests > 0 {
                    " · " a href=(self.logs(&[Term::of("status", "error")])) { (text::percent(errors, requests)) " errors" }
                    " · " a href=(self.logs(&[Term::of("failover", "true")])) { (text::percent(failovers, requests)) " failovers" }
                    " · p95 " (p95(p95_us))
                }
                " · " a href=(self.usage()) { "Usage by provider" }
            }
        }
    }

    fn targets(&self) -> Markup {
        html! {
            table.list {
                thead { tr {
                    th scope="col" { "Target" } th.number scope="col" { "Tier" } th.number scope="col" { "Weight" } th scope="col" { "Only where" }
                } }
                tbody { @for target in &self.model.targets { tr {
                    th scope="row" { bdi { (target.provider) "/" (target.model) } }
                    td.number data-label="Tier" { (target.tier) }
                    td.number data-label="Weight" { (target.weight) }
                    td data-label="Only where" { @if target.when.is_empty() { span.quiet { "always" } } @else { bdi { (target.when.join("; ")) } } }
                } } }
            }
            p.quiet { "Lower tiers are used first; within a tier, weights are shares. A target that failed is tried last for its cooldown, which each proxy knows by itself." }
        }
    }

    fn providers(&self) -> Markup {
        html! {
            @if self.providers.is_empty() {
                p { "No provider was tried in this range." }
            } @else {
                table.list {
                    thead { tr {
                        th scope="col" { "Provider" } th.number scope="col" { "Tried" } th.number scope="col" { "Served" }
                        th.number scope="col" { "Not served" } th.number scope="col" { "p95" }
                    } }
                    tbody { @for provider in &self.providers { (self.provider(provider)) } }
                }
                p.quiet { "A request that fails over counts as tried at each provider, and as served at one. p95 is counted by quarters of an hour." }
            }
        }
    }

    fn provider(&self, provider: &Provider) -> Markup {
        let Provider { name, tried, served, .. } = provider;
        let (tries, serves) = (Term::of("tried", name), Term::of("provider", name));
        let lost = Term { not: true, ..serves.clone() };
        html! {
            tr {
                th scope="row" { bdi { (name) } }
                td.number data-label="Tried" { a href=(self.logs(std::slice::from_ref(&tries))) { (text::count(*tried)) span.hidden { " requests that tried " (name) } } }
                td.number data-label="Served" { a href=(self.logs(&[serves])) { (text::count(*served)) span.hidden { " requests that " (name) " served" } } }
                (rate("Not served", tried.saturating_sub(*served), *tried, &self.logs(&[tries, lost])))
                td.number data-label="p95" { (p95(provider.p95_us)) }
            }
        }
    }
}
