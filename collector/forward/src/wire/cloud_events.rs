//! CloudEvents 1.0 in batches.

use super::Call;
use crate::event::Event;
use crate::format::object;
use crate::settings::Settings;
use serde_json::json;

/// Returns the call to a webhook.
pub(super) fn call(settings: &Settings, events: &[Event]) -> Call {
    let mut body = "[".to_owned();
    for event in events {
        let head = json!({
            "specversion": "1.0",
            "id": event.unique_id(),
            "source": format!("/headgate/{}", event.host()),
            "type": format!("headgate.{}.v1", event.kind()),
            "time": event.rfc3339(),
            "datacontenttype": "application/json",
        })
        .to_string();
        if body.len() > 1 {
            body.push(',');
        }
        body.push_str(head.strip_suffix('}').unwrap_or_default());
        body.push_str(",\"data\":");
        body.push_str(&object(event, settings.format));
        body.push('}');
    }
    body.push(']');
    let mut headers = vec![("content-type", "application/cloudevents-batch+json; charset=utf-8".to_owned())];
    if let Some(token) = &settings.token {
        headers.push(("authorization", token.0.clone()));
    }
    Call { path: "", headers, body: body.into_bytes() }
}
