//! The detail of an audit entry: a sentence, the values before and after, and the entry as it is stored.

use super::{Audit, AuditState, operator, outcome};
use crate::{parts, text};
use headgate_collector_types::audit::Entry;
use headgate_collector_types::validate::parse_uuid;
use headgate_collector_types::visible;
use maud::{Markup, html};

pub(super) fn sheet(audit: &Audit, entry: &Entry) -> Markup {
    html! {
        aside.sheet aria-label={ "Entry " (entry.id) } {
            header {
                h2 { bdi { (entry.kind) } " " (outcome(entry.outcome)) }
                nav aria-label="Entry" {
                    a href=(audit.state.with_row(None).url()) data-key="Escape" title="Close (Esc)" { "×" span.hidden { " Close" } }
                }
            }
            p.sentence { bdi { (sentence(entry)) } }
            (links(entry))
            @if !entry.changes.is_empty() { section { h3 { "Changes" } (parts::changes(&entry.changes)) } }
            section { h3 { "Details" } (parts::facts(&facts(entry), true)) }
            section { h3 { "As stored" } pre { (stored(entry)) } }
        }
    }
}

/// Returns the entry as indented JSON, with hidden characters spelled out line by line.
fn stored(entry: &Entry) -> String {
    let json = serde_json::to_string_pretty(entry).unwrap_or_default();
    json.lines().map(visible).collect::<Vec<_>>().join("\n")
}

fn sentence(entry: &Entry) -> String {
    let resource = entry.resource.name.as_deref().unwrap_or(&entry.resource.id);
    let times = entry.count.map_or_else(String::new, |count| {
        format!(", {} {}", text::count(count), if count == 1 { "time" } else { "times" })
    });
    let from = entry.actor.address.as_deref().map_or_else(String::new, |address| format!(" from {address}"));
    let code = entry.code.as_deref().map_or_else(String::new, |code| format!(" ({code})"));
    let (operator, kind) = (operator(&entry.actor), &entry.resource.kind);
    visible(&format!("{operator}{from}: {} of {kind} {resource}{times}{code}.", entry.kind))
}

fn links(entry: &Entry) -> Markup {
    let search = |state: AuditState| state.url();
    let revision = entry.revision.map(|revision| revision.to_string());
    let request = (entry.resource.kind == "request").then_some(&entry.resource.id).or(entry.request_id.as_ref());
    // Other systems may have written anything there.
    let request = request.filter(|id| parse_uuid(id).is_some());
    html! {
        p.actions {
            a href=(search(AuditState { actor: Some(entry.actor.id.clone()), ..AuditState::default() })) { "Same operator" }
            a href=(search(AuditState { resource: Some(entry.resource.id.clone()), ..AuditState::default() })) { "Same resource" }
            @if let Some(revision) = revision {
                a href=(search(AuditState { revision: Some(revision.clone()), ..AuditState::default() })) { "Revision " (revision) }
            }
            @if let Some(request) = request { a href={ "/logs/" (request) } { "Request" } }
            a href={ "/v1/audit/" (entry.id) } hx-boost="false" { "JSON" }
        }
    }
}

fn facts(entry: &Entry) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Entry", entry.id.clone())];
    facts.push(("Time", text::utc(i64::try_from(entry.time).unwrap_or(i64::MAX))));
    facts.push(("Operator", entry.actor.id.clone()));
    let more =
        [("Address", &entry.actor.address), ("User agent", &entry.actor.user_agent), ("Request", &entry.request_id)];
    facts.extend(more.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    if let Some(stated) = &entry.justification {
        let more = [("Reason", &stated.reason), ("Ticket", &stated.ticket), ("Approved by", &stated.approved_by)];
        facts.extend(more.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    }
    if let Some(by) = &entry.delivered_by {
        facts.push(("Delivered by", by.name.clone().unwrap_or_else(|| by.id.clone())));
    }
    facts
}
