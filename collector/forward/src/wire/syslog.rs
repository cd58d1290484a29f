//! Syslog (RFC 5424) with octet counting (RFC 6587).

use crate::event::Event;
use crate::format::object;
use crate::settings::Format;
use headgate_collector_types::Log;
use std::io::{self, Write as _};

/// Facilities: local use 0, and log audit.
const LOCAL0: u8 = 16;
const LOG_AUDIT: u8 = 13;
/// Severities.
const WARNING: u8 = 4;
const INFORMATIONAL: u8 = 6;
/// The longest name of a host, bytes.
const MAX_HOST: usize = 255;

/// Returns the frames of a batch.
pub(super) fn frames(events: &[Event], format: Format) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    for event in events {
        let (head, object) = (head(event), object(event, format));
        write!(out, "{} {head}{object}", head.len().saturating_add(object.len()))?;
    }
    Ok(out)
}

/// Returns what stands before the JSON.
fn head(event: &Event) -> String {
    let facility = match event.log {
        Log::Requests => LOCAL0,
        Log::Audit => LOG_AUDIT,
    };
    let severity = if event.is_success() { INFORMATIONAL } else { WARNING };
    // A priority is at most 191.
    let priority = facility.saturating_mul(8).saturating_add(severity);
    format!("<{priority}>1 {} {} headgate - {} - ", event.rfc3339(), host(event.host()), event.kind())
}

/// Returns a name with printable ASCII alone; `-` for none.
fn host(name: &str) -> String {
    let name: String = name.chars().filter(char::is_ascii_graphic).take(MAX_HOST).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}
