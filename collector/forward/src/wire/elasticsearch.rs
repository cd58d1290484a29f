//! The bulk API of Elasticsearch and OpenSearch.

use super::{Answer, Call, compressed};
use crate::event::Event;
use crate::format::object;
use crate::settings::{Format, Settings};
use crate::verdict::{Fault, Verdict};
use serde::Serialize;
use serde_json::{Value, to_writer};
use std::io::{self, Write};

/// The beginning of the index or data stream without a setting.
const INDEX: &str = "headgate";

#[derive(Serialize)]
struct Create<'a> {
    create: Place<'a>,
}

#[derive(Serialize)]
struct Place<'a> {
    #[serde(rename = "_index")]
    index: &'a str,
    #[serde(rename = "_id")]
    id: String,
}

/// Returns the call. A document is created once by its `_id`, so repeating is harmless; data streams take `create` alone.
pub(super) fn call(settings: &Settings, events: &[Event]) -> io::Result<Call> {
    let prefix = settings.index.as_deref().unwrap_or(INDEX);
    let (mut headers, body) = compressed("application/x-ndjson", |out| {
        events.iter().try_for_each(|event| {
            let index = format!("{prefix}-{}", event.log.as_str());
            to_writer(&mut *out, &Create { create: Place { index: &index, id: event.unique_id() } })?;
            out.write_all(b"\n")?;
            write_document(out, event, settings.format)?;
            out.write_all(b"\n")
        })
    })?;
    if let Some(token) = &settings.token {
        headers.push(("authorization", token.0.clone()));
    }
    Ok(Call { path: "/_bulk", headers, body })
}

/// Writes a document, which has its time as `@timestamp`.
fn write_document(out: &mut impl Write, event: &Event, format: Format) -> io::Result<()> {
    let object = object(event, format);
    match format {
        Format::Ecs => out.write_all(object.as_bytes()),
        Format::Json | Format::Ocsf => {
            let rest = object.strip_prefix('{').unwrap_or(&object);
            write!(out, "{{\"@timestamp\":\"{}\",{rest}", event.rfc3339())
        }
    }
}

pub(super) fn judge(events: usize, answer: &Answer) -> Verdict {
    if !(200..300).contains(&answer.status) {
        return answer.by_status();
    }
    let body = answer.json();
    let Some(items) = body.as_ref().and_then(|body| body.get("items")?.as_array()) else {
        return Verdict::Blocked(Fault::Malformed);
    };
    if items.len() != events {
        return Verdict::Blocked(Fault::Malformed);
    }
    let mut refused = Vec::new();
    for (place, item) in items.iter().enumerate() {
        let status = item.get("create").and_then(|create| create.get("status")).and_then(Value::as_u64);
        let status = status.and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
        match status {
            // 409: the document was there before.
            200 | 201 | 409 => {}
            // Documents that were created by this call are there at the next one.
            429 | 500.. => return Verdict::Retry { fault: Fault::Status(status), after: answer.after },
            401 | 403 | 404 => return Verdict::Blocked(Fault::Status(status)),
            0 => return Verdict::Blocked(Fault::Malformed),
            _ => refused.push((place, Fault::Status(status))),
        }
    }
    Verdict::Delivered { refused }
}
