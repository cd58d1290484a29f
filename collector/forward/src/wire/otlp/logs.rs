//! A log record for each entry: the body is the entry, the attributes are its members.

use super::attributes::Attributes;
use super::values::{AnyValue, Nanoseconds, Shown};
use crate::event::Event;
use crate::format::object;
use crate::settings::Settings;
use serde::{Serialize, Serializer};
use std::fmt::{self, Display};

/// Severity numbers.
const INFO: u8 = 9;
const WARN: u8 = 13;

/// The log record of an entry.
pub(super) struct LogRecord<'a>(pub(super) &'a Settings, pub(super) &'a Event);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    time_unix_nano: Nanoseconds,
    observed_time_unix_nano: Nanoseconds,
    severity_number: u8,
    severity_text: &'static str,
    event_name: Shown<EventName>,
    body: AnyValue<'a>,
    attributes: Attributes<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<&'a str>,
}

struct EventName(&'static str);

impl Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "headgate.{}", self.0)
    }
}

impl Serialize for LogRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(settings, event) = *self;
        let time = Nanoseconds(event.time_us());
        let (number, text) = if event.is_success() { (INFO, "INFO") } else { (WARN, "WARN") };
        let members = Members {
            time_unix_nano: time,
            observed_time_unix_nano: time,
            severity_number: number,
            severity_text: text,
            event_name: Shown(EventName(event.kind())),
            body: AnyValue::Text(&object(event, settings.format)),
            attributes: Attributes { semconv: settings.semconv, event, error: None },
            trace_id: event.text_at("trace_id"),
            span_id: event.text_at("span_id"),
        };
        members.serialize(serializer)
    }
}
