//! Datadog's logs intake.

use super::{Call, compressed};
use crate::event::Event;
use crate::format::object;
use crate::settings::{Format, Settings};
use serde::{Serialize, Serializer as _};
use std::borrow::Cow;
use std::io;

#[derive(Serialize)]
struct Entry<'a> {
    ddsource: &'static str,
    service: &'static str,
    hostname: &'a str,
    ddtags: String,
    status: &'static str,
    timestamp: i64,
    message: Cow<'a, str>,
}

/// Returns the call.
pub(super) fn call(settings: &Settings, events: &[Event]) -> io::Result<Call> {
    let (mut headers, body) = compressed("application/json", |out| {
        let entries = events.iter().map(|event| entry(event, settings.format));
        Ok(serde_json::Serializer::new(out).collect_seq(entries)?)
    })?;
    if let Some(token) = &settings.token {
        headers.push(("dd-api-key", token.0.clone()));
    }
    Ok(Call { path: "/api/v2/logs", headers, body })
}

fn entry(event: &Event, format: Format) -> Entry<'_> {
    Entry {
        ddsource: "headgate",
        service: "headgate",
        hostname: event.host(),
        ddtags: format!("log:{}", event.log.as_str()),
        status: if event.is_success() { "info" } else { "warn" },
        timestamp: event.time_us() / 1_000,
        message: object(event, format),
    }
}
