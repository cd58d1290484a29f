//! Datadog's logs intake.

use super::{Call, compressed};
use crate::event::Event;
use crate::format::object;
use crate::settings::Settings;
use serde_json::json;

/// Returns the call.
pub(super) fn call(settings: &Settings, events: &[Event]) -> Call {
    let logs: Vec<_> = events
        .iter()
        .map(|event| {
            json!({
                "ddsource": "headgate",
                "service": "headgate",
                "hostname": event.host(),
                "ddtags": format!("log:{}", event.log.as_str()),
                "status": if event.is_success() { "info" } else { "warn" },
                "timestamp": event.time_us() / 1_000,
                "message": object(event, settings.format),
            })
        })
        .collect();
    let (mut headers, body) = compressed("application/json", json!(logs).to_string().as_bytes());
    if let Some(token) = &settings.token {
        headers.push(("dd-api-key", token.0.clone()));
    }
    Call { path: "/api/v2/logs", headers, body }
}
