//! The sheet of one record: caller, events and their causes, rules, usage and cost.

use super::links::filtered;
use super::sentence::sentence;
use super::timeline::timeline;
use super::{Logs, LogsState, Range, rows};
use crate::frame::Frame;
use crate::parts::{self, facts};
use crate::search::{Term, write};
use crate::text::{self, Zone};
use headgate_record::{KnownBy, RequestRecord, UsageSource};
use maud::{Markup, html};

/// A change of the policy.
#[derive(Debug, Clone)]
pub struct Change {
    /// The time, µs.
    pub time: i64,
    /// The name of the person or token.
    pub actor: String,
    /// The event, as the audit log names it.
    pub event: String,
    /// The changed resource.
    pub resource: String,
}

/// The policy under which a request ran.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The number of the revision, if the collector knows it.
    pub revision: Option<i64>,
    /// The changes of the hour before the request.
    pub changes: Vec<Change>,
}

/// A record that is shown by itself.
#[derive(Debug)]
pub struct Sheet {
    /// The record.
    pub record: RequestRecord,
    /// The policy, for readers who may see it.
    pub rules: Option<Rules>,
    /// Address of the newer neighbour within the search.
    pub newer: Option<String>,
    /// Address of the older neighbour within the search.
    pub older: Option<String>,
}

impl Sheet {
    /// Returns the sheet beside the list that it was opened from.
    pub(super) fn in_list(&self, logs: &Logs) -> Markup {
        let title = rows::subject(&self.record);
        html! {
            aside.sheet aria-label={ "Request " (self.record.id) } {
                header {
                    h2 { bdi { (title) } " " (rows::status(&self.record)) }
                    nav aria-label="Records" {
                        @if let Some(url) = &self.newer { a href=(url) data-key="k" title="Newer (k)" { "↑" span.hidden { " Newer" } } }
                        @if let Some(url) = &self.older { a href=(url) data-key="j" title="Older (j)" { "↓" span.hidden { " Older" } } }
                        a href=(logs.state.with_row(None).url()) data-key="Escape" title="Close (Esc)" { "×" span.hidden { " Close" } }
                    }
                }
                (self.content(&logs.zone))
            }
        }
    }

    /// Returns the whole document for the record alone.
    #[must_use]
    pub fn render(&self, frame: &Frame, zone: &Zone) -> String {
        let title = rows::subject(&self.record).to_owned();
        let main = html! {
            article.sheet.alone {
                header { h1 { bdi { (title) } " " (rows::status(&self.record)) } }
                h2.hidden { "Details" }
                (self.content(zone))
            }
        };
        frame.render(&title, &main)
    }

    fn content(&self, zone: &Zone) -> Markup {
        let record = &self.record;
        html! {
            p.sentence { bdi { (sentence(record)) } }
            (self.actions())
            section { h3 { "Timeline" } (timeline(record)) }
            (decisions(record))
            section { h3 { "Caller" } (caller(record)) }
            (usage(record))
            (self.rules(zone))
            section { h3 { "Ids" } (facts(&self.ids(), true)) }
            (payload(record))
        }
    }

    fn actions(&self) -> Markup {
        let record = &self.record;
        let started = i64::try_from(record.started_at).unwrap_or(i64::MAX);
        let around =
            Range::Between(Some(started.saturating_sub(300_000_000).max(0)), Some(started.saturating_add(300_000_000)));
        let search =
            |name: &str, value: &str| LogsState { q: write(&[Term::of(name, value)]), ..LogsState::default() }.url();
        html! {
            p.actions {
                a href={ "/logs/" (record.id) } { "Link to this record" }
                a href={ "/v1/requests/" (record.id) } hx-boost="false" { "JSON" }
                @if let Some(caller) = &record.caller { a href=(search("key", &caller.key_id)) { "Same key" } }
                @if let Some(session) = &record.client.session_id { a href=(search("session", session)) { "Same session" } }
                a href=(LogsState { range: around, ..LogsState::default() }.url()) { "Around this moment" }
                a href={ "/try?from=" (record.id) } hx-boost="false" { "Try this request" }
                // Only readers of the audit log get the rules.
                @if self.rules.is_some() { a href={ "/audit?resource=" (record.id) } { "Who read this record" } }
            }
        }
    }

    fn rules(&self, zone: &Zone) -> Markup {
        let revision = &self.record.config_revision;
        html! {
            section {
                h3 { "Rules in force" }
                p { "Policy " code { (revision) }
                    @if let Some(number) = self.rules.as_ref().and_then(|rules| rules.revision) { ", revision " (number) }
                    ", environment " bdi { (self.record.environment) } }
                @if let Some(rules) = &self.rules {
                    @if rules.changes.is_empty() {
                        p.quiet { "Nothing was changed in the hour before." }
                    } @else {
                        p { "Changes in the hour before:" }
                        ul { @for change in &rules.changes { (self::change(change, zone)) } }
                    }
                }
            }
        }
    }

    fn ids(&self) -> Vec<(&'static str, String)> {
        let record = &self.record;
        let mut ids = vec![("Request", record.id.clone())];
        let more = [
            ("Trace", &record.trace_id),
            ("Parent span", &record.parent_span_id),
            ("Span", &record.span_id),
            ("Provider's", &record.provider_request_id),
            ("Session", &record.client.session_id),
            ("Agent", &record.client.agent_id),
        ];
        ids.extend(more.into_iter().filter_map(|(name, id)| Some((name, id.clone()?))));
        ids.push(("Node", record.node.clone()));
        ids.push(("Boot, number", format!("{}, {}", record.boot, record.seq)));
        let started = i64::try_from(record.started_at).unwrap_or(i64::MAX);
        ids.push(("Started", text::utc(started)));
        ids
    }
}

fn change(change: &Change, zone: &Zone) -> Markup {
    html! {
        li {
            time title=(text::utc(change.time)) { (zone.clock(change.time)) } " "
            bdi { (change.actor) } ": " (change.event) " " bdi { (change.resource) }
        }
    }
}

/// Returns the caller. Each value that is a filter is a link to the requests that have it too.
fn caller(record: &RequestRecord) -> Markup {
    let mut facts = Vec::new();
    let mut add = |name: &'static str, field: &str, value: Option<&String>| {
        facts.extend(value.map(|value| (name, field.to_owned(), value.clone())));
    };
    if let Some(caller) = &record.caller {
        add("Key", "key", Some(&caller.key_id));
        add("Source", "source", Some(&caller.source.as_str().to_owned()));
        if caller.known_by != KnownBy::VirtualKey {
            add("Known by", "", Some(&caller.known_by.as_str().to_owned()));
        }
        add("Owner", "owner", caller.owner.as_ref());
        add("Team", "team", caller.team.as_ref());
        add("Project", "project", caller.project.as_ref());
        add("Application", "app", caller.application.as_ref());
        add("Cost center", "cost_center", caller.cost_center.as_ref());
        add("Tenant", "tenant", caller.tenant.as_ref());
        add("Use case", "use_case", caller.use_case.as_ref());
        add("Risk class", "risk", caller.risk_class.map(|class| class.as_str().to_owned()).as_ref());
    }
    add("End user", "user", record.client.end_user.as_ref());
    add("Client", "client", record.client.user_agent.as_ref());
    let tags = record.client.tags.iter();
    facts.extend(tags.map(|(name, value)| ("Tag", format!("tag.{name}"), value.clone())));
    if facts.is_empty() {
        return html! { p.quiet { "No key was known." } };
    }
    html! {
        dl { @for (name, field, value) in &facts { div {
            dt { (name) }
            dd {
                @if let Some(tag) = field.strip_prefix("tag.") { bdi { (tag) } "=" }
                @if field.is_empty() { (value) } @else { (filtered(&LogsState::default(), &[], field, value)) }
            }
        } } }
    }
}

fn decisions(record: &RequestRecord) -> Markup {
    if record.decisions.is_empty() {
        return html! {};
    }
    let number = |number: Option<u64>| number.map(text::count).unwrap_or_default();
    html! {
        section {
            h3 { "Decisions" }
            div.wide { table.decisions {
                thead { tr {
                    th scope="col" { "Stage" } th scope="col" { "Policy" } th scope="col" { "Direction" } th scope="col" { "Verdict" }
                    th.number scope="col" { "Observed" } th.number scope="col" { "Limit" } th scope="col" { "Reason" }
                } }
                tbody { @for decision in &record.decisions { tr {
                    td { (decision.stage) }
                    td { bdi { (decision.policy_id.as_deref().unwrap_or_default()) } }
                    td { (decision.direction.map_or("", |direction| direction.as_str())) }
                    td { span class={ "verdict " (decision.verdict.as_str()) } { (decision.verdict.as_str()) } }
                    td.number { (number(decision.observed)) }
                    td.number { (number(decision.limit)) }
                    td { bdi { (decision.reason.as_deref().unwrap_or_default()) } }
                } } }
            } }
        }
    }
}

fn usage(record: &RequestRecord) -> Markup {
    let mut facts = Vec::new();
    if let Some(usage) = &record.usage {
        let counts = [
            ("Input", usage.input_tokens),
            ("of it cached", usage.cached_input_tokens),
            ("of it written to the cache", usage.cache_write_input_tokens),
            ("Output", usage.output_tokens),
            ("of it reasoning", usage.reasoning_tokens),
        ];
        let shown = counts.into_iter().filter(|(name, count)| *count > 0 || !name.starts_with("of"));
        facts.extend(shown.map(|(name, count)| (name, text::count(count))));
        let reason = usage.estimate_reason.map_or_else(String::new, |reason| format!(", {}", reason.as_str()));
        let source = match usage.source {
            UsageSource::Reported => "reported by the provider".to_owned(),
            UsageSource::Estimated => format!("estimated{reason}"),
        };
        facts.push(("Source", source));
    }
    if let Some(cost) = &record.cost {
        let assumed = if cost.assumed { ", at an assumed price" } else { "" };
        facts.push(("Cost", format!("{}{assumed}", text::exact_usd(cost.nano_usd))));
        facts.push(("Price list", cost.price_revision.clone()));
    }
    facts.extend(record.service_tier.clone().map(|tier| ("Service tier", tier)));
    facts.extend(record.finish_reason.clone().map(|reason| ("Finish reason", reason)));
    html! { @if !facts.is_empty() { section { h3 { "Usage and cost" } (parts::facts(&facts, false)) } } }
}

fn payload(record: &RequestRecord) -> Markup {
    let payload = &record.payload;
    let mut facts = vec![
        ("Request", format!("{} bytes", text::count(payload.request_bytes))),
        ("Answer", format!("{} bytes", text::count(payload.response_bytes))),
    ];
    facts.extend(payload.request_fingerprint.clone().map(|mark| ("Fingerprint of the request", mark)));
    facts.extend(payload.response_fingerprint.clone().map(|mark| ("Fingerprint of the answer", mark)));
    if payload.attachments > 0 {
        facts.push(("Attachments", payload.attachments.to_string()));
    }
    facts.extend(payload.redactions.iter().map(|(kind, count)| ("Replaced", format!("{kind}: {count}"))));
    html! {
        section {
            h3 { "Prompt and answer" }
            p { "Not stored. Headgate keeps numbers about a request, never its text. " a href="/help#not-stored" { "Why" } }
            (parts::facts(&facts, false))
        }
    }
}
