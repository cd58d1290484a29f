//! Datadog's logs intake.

use super::{Call, compressed};
use crate::event::Event;
use crate::format::object;
use crate::settings::{Format, Settings};
use serde::Serialize;
use serde_json::to_writer;
use std::borrow::Cow;
use std::io::{self, Write as _};

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
        for (place, event) in events.iter().enumerate() {
            out.write_all(if place == 0 { b"[" } else { b"," })?;
            to_writer(&mut *out, &entry(event, settings.format))?;
        }
        out.write_all(b"]")
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
