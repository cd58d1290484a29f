//! The bulk API of Elasticsearch and OpenSearch.

use super::{Answer, Call, compressed};
use crate::event::Event;
use crate::format::object;
use crate::settings::{Format, Settings};
use crate::verdict::{Fault, Verdict};
use serde_json::{Value, json};

/// The beginning of the index or data stream without a setting.
const INDEX: &str = "headgate";

/// Returns the call. A document is created once by its `_id`, so repeating is harmless; data streams take `create` alone.
pub(super) fn call(settings: &Settings, events: &[Event]) -> Call {
    let index = settings.index.as_deref().unwrap_or(INDEX);
    let mut body = String::new();
    for event in events {
        let index = format!("{index}-{}", event.log.as_str());
        body.push_str(&json!({"create": {"_index": index, "_id": event.unique_id()}}).to_string());
        body.push('\n');
        body.push_str(&document(event, settings.format));
        body.push('\n');
    }
    let (mut headers, body) = compressed("application/x-ndjson", body.as_bytes());
    if let Some(token) = &settings.token {
        headers.push(("authorization", token.0.clone()));
    }
    Call { path: "/_bulk", headers, body }
}

/// Returns a document, which has its time as `@timestamp`.
fn document(event: &Event, format: Format) -> String {
    let object = object(event, format);
    match format {
        Format::Ecs => object.into_owned(),
        Format::Json | Format::Ocsf => {
            let rest = object.strip_prefix('{').unwrap_or(&object);
            format!("{{\"@timestamp\":\"{}\",{rest}", event.rfc3339())
        }
    }
}

pub(super) fn judge(events: &[Event], answer: &Answer) -> Verdict {
    if !(200..300).contains(&answer.status) {
        return answer.by_status();
    }
    let body = answer.json();
    let Some(items) = body.as_ref().and_then(|body| body.get("items")?.as_array()) else {
        return Verdict::Blocked(Fault::Malformed);
    };
    if items.len() != events.len() {
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
