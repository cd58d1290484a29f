//! An audit entry as a row of a spreadsheet. Formulas and control characters are escaped as in the sheet of records.

use crate::csv::{line, time};
use headgate_collector_types::StoredEntry;
use headgate_collector_types::audit::Entry;
use serde::Serialize;

type EntryCell = fn(&Entry) -> String;

const COLUMNS: [(&str, EntryCell); 24] = [
    ("time", |e| time(e.time)),
    ("id", |e| e.id.clone()),
    ("type", |e| e.kind.clone()),
    ("operation", |e| word(&e.operation)),
    ("outcome", |e| word(&e.outcome)),
    ("code", |e| text(e.code.as_ref())),
    ("actor_id", |e| e.actor.id.clone()),
    ("actor_kind", |e| word(&e.actor.kind)),
    ("actor_name", |e| text(e.actor.name.as_ref())),
    ("actor_address", |e| text(e.actor.address.as_ref())),
    ("actor_user_agent", |e| text(e.actor.user_agent.as_ref())),
    ("resource_kind", |e| e.resource.kind.clone()),
    ("resource_id", |e| e.resource.id.clone()),
    ("resource_name", |e| text(e.resource.name.as_ref())),
    ("request_id", |e| text(e.request_id.as_ref())),
    ("revision", |e| number(e.revision)),
    ("count", |e| number(e.count)),
    ("source", |e| e.source.clone()),
    ("delivered_by_id", |e| text(e.delivered_by.as_ref().map(|by| &by.id))),
    ("delivered_by_name", |e| text(e.delivered_by.as_ref().and_then(|by| by.name.as_ref()))),
    ("changes", |e| {
        if e.changes.is_empty() { String::new() } else { serde_json::to_string(&e.changes).unwrap_or_default() }
    }),
    ("reason", |e| text(e.justification.as_ref().and_then(|stated| stated.reason.as_ref()))),
    ("ticket", |e| text(e.justification.as_ref().and_then(|stated| stated.ticket.as_ref()))),
    ("approved_by", |e| text(e.justification.as_ref().and_then(|stated| stated.approved_by.as_ref()))),
];

/// Returns the header line.
pub(crate) fn header() -> Vec<u8> {
    let mut out = Vec::new();
    line(&mut out, COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
    out
}

/// Writes one entry. A damaged or unreadable entry becomes a line that says so in its first cell.
pub(crate) fn row(out: &mut Vec<u8>, entry: &StoredEntry) {
    let said = match entry {
        StoredEntry::Damaged(position) => format!("damaged: position {position}"),
        StoredEntry::Intact(bytes) => match serde_json::from_slice::<Entry>(bytes) {
            Ok(entry) => return line(out, COLUMNS.iter().map(|(_, cell)| cell(&entry))),
            Err(_) => "unreadable".to_owned(),
        },
    };
    line(out, std::iter::once(said).chain(std::iter::repeat_n(String::new(), COLUMNS.len() - 1)));
}

/// Returns a value of an enum as it is written in the entry.
fn word(value: &impl Serialize) -> String {
    let word = serde_json::to_value(value).ok();
    word.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

fn text(value: Option<&String>) -> String {
    value.cloned().unwrap_or_default()
}

fn number(value: Option<u64>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}
