//! CloudEvents 1.0 in batches.

use super::{Call, with_member};
use crate::event::Event;
use crate::format::object;
use crate::settings::Settings;
use serde::Serialize;
use std::io;

/// An event without its `data`.
#[derive(Serialize)]
struct ContextAttributes {
    specversion: &'static str,
    id: String,
    source: String,
    r#type: &'static str,
    time: String,
    datacontenttype: &'static str,
}

/// Returns the call to a webhook.
pub(super) fn call(settings: &Settings, events: &[Event]) -> io::Result<Call> {
    let mut body = b"[".to_vec();
    for event in events {
        if body.len() > 1 {
            body.push(b',');
        }
        with_member(&mut body, &context_attributes(event), "data", &object(event, settings.format))?;
    }
    body.push(b']');
    let mut headers = vec![("content-type", "application/cloudevents-batch+json; charset=utf-8".to_owned())];
    if let Some(token) = &settings.token {
        headers.push(("authorization", token.0.clone()));
    }
    Ok(Call { path: "", headers, body })
}

fn context_attributes(event: &Event) -> ContextAttributes {
    ContextAttributes {
        specversion: "1.0",
        id: event.unique_id(),
        source: format!("/headgate/{}", event.host()),
        r#type: event.versioned_type(),
        time: event.rfc3339(),
        datacontenttype: "application/json",
    }
}
