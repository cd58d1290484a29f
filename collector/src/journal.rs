//! What the service says to its operator: lines on standard error, written in this house's words only.

use crate::clock;
use headgate::diagnostic::plain;
use serde_json::json;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line: `time` (RFC 3339), `program`, `message`.
    Json,
}

static AS_JSON: AtomicBool = AtomicBool::new(false);

/// Sets how lines are written from now on.
pub fn write_as(format: LogFormat) {
    AS_JSON.store(format == LogFormat::Json, Ordering::Relaxed);
}

/// Writes one line. A closed standard error is no reason to stop.
pub fn line(text: &str) {
    let line =
        if AS_JSON.load(Ordering::Relaxed) { as_json(text) } else { format!("headgate-collector: {}", plain(text)) };
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn as_json(text: &str) -> String {
    let time = jiff::Timestamp::from_microsecond(clock::now_us()).map_or(String::new(), |time| time.to_string());
    json!({"time": time, "program": "headgate-collector", "message": text}).to_string()
}
