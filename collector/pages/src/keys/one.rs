//! One key: what it may do, what it did, and the limits and budgets that apply to it.

use super::{Key, KeyUse, RANGE, last, models, state};
use crate::counts::{CountsState, RuleKind};
use crate::frame::{Frame, Page};
use crate::parts;
use crate::search::{Term, write};
use crate::text::{self, Zone};
use crate::usage::{UsageState, by};
use maud::{Markup, html};

/// A limit or a budget.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// `limit` or `budget`.
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// Its amounts, in words: `60/min requests`.
    pub amounts: Vec<String>,
    /// The dimensions that it counts by; one count for all if there is none.
    pub per: Vec<String>,
    /// Conditions that depend on the request, in words: `model is chat`.
    pub only: Vec<String>,
    /// Whether it rejects nothing.
    pub monitor: bool,
}

impl Rule {
    /// Returns the address of its counts.
    fn url(&self) -> String {
        let kind = if self.kind == "budget" { RuleKind::Budgets } else { RuleKind::Limits };
        CountsState { kind, id: Some(self.id.clone()), ..CountsState::default() }.url()
    }
}

/// Returns the address of the usage of a key, by model.
fn usage(key: &Term) -> String {
    UsageState { q: write(std::slice::from_ref(key)), by: by("model"), ..UsageState::default() }.url()
}

/// The page of a key.
#[derive(Debug)]
pub struct KeyPage {
    /// The key.
    pub key: Key,
    /// Its use in the last 30 days.
    pub used: KeyUse,
    /// The limits and budgets that apply to it.
    pub rules: Vec<Rule>,
    /// The reader's zone.
    pub zone: Zone,
    /// The time of the page, µs.
    pub now: i64,
}

impl KeyPage {
    /// Returns the whole document.
    #[must_use]
    pub fn render(&self, frame: &Frame) -> String {
        let Key { id, state: accepted, .. } = &self.key;
        let main = html! {
            div.logs {
                p.crumbs { a href="/keys" { "Keys" } " / " bdi { (id) } }
                h1 { bdi { (id) } " " (state(*accepted, &self.zone)) }
                (self.links(frame))
                div.pair { (self.who()) (self.used()) }
                (self.rules())
            }
        };
        frame.render(&format!("Key {id}"), &main)
    }

    fn links(&self, frame: &Frame) -> Markup {
        let term = Term::of("key", &self.key.id);
        let audit = form_urlencoded::Serializer::new(String::new()).append_pair("resource", &self.key.id).finish();
        html! {
            p.actions {
                a href=(parts::logs(std::slice::from_ref(&term), RANGE)) { "Requests" }
                a href=(usage(&term)) { "Usage" }
                @if frame.menu.contains(&Page::Audit) { a href={ "/audit?" (audit) } { "Changes of this key" } }
            }
        }
    }

    fn who(&self) -> Markup {
        let key = &self.key;
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
        let facts = [
            ("Owner", text(&key.owner)),
            ("Team", text(&key.team)),
            ("Project", text(&key.project)),
            ("Application", text(&key.application)),
        ];
        html! {
            section {
                h2 { "Who" }
                (parts::facts(&facts, false))
                dl { div { dt { "Models" } dd { (models(&key.models)) } } }
            }
        }
    }

    fn used(&self) -> Markup {
        let KeyUse { requests, cost_nano_usd, last: latest } = self.used;
        html! {
            section {
                h2 { "Last 30 days" }
                dl {
                    div { dt { "Requests" } dd { (text::count(requests)) } }
                    div { dt { "Cost" } dd title=(text::exact_usd(cost_nano_usd)) { (text::usd(cost_nano_usd)) } }
                    div { dt { "Last used" } dd { (last(latest, &self.zone, self.now)) } }
                }
            }
        }
    }

    fn rules(&self) -> Markup {
        html! {
            h2 { "Limits and budgets that apply" }
            @if self.rules.is_empty() {
                p { "None: no limit and no budget of the policy in force matches this key." }
            } @else {
                table.list {
                    thead { tr {
                        th scope="col" { "Rule" } th scope="col" { "Amount" } th scope="col" { "Counted" } th scope="col" { "Only where" } th scope="col" { "Requests" }
                    } }
                    tbody { @for rule in &self.rules { (self.rule(rule)) } }
                }
            }
        }
    }

    fn rule(&self, rule: &Rule) -> Markup {
        let terms = [Term::of("key", &self.key.id), Term::of("policy", &rule.id)];
        html! {
            tr {
                th scope="row" { a href=(rule.url()) { bdi { (rule.id) } } span.second { (rule.kind) @if rule.monitor { ", only monitored" } } }
                td data-label="Amount" { (rule.amounts.join(", ")) }
                td data-label="Counted" { @if rule.per.is_empty() { "all together" } @else { "per " (rule.per.join(", ")) } }
                td data-label="Only where" { @if rule.only.is_empty() { span.quiet { "always" } } @else { bdi { (rule.only.join("; ")) } } }
                td data-label="Requests" { a href=(parts::logs(&terms, RANGE)) { "Decisions" } span.hidden { " of " (rule.id) } }
            }
        }
    }
}
