//! The spans of a request: its own, below the caller's, and one for each try below that.
//!
//! The ids are those that the proxy has told the caller's trace and the providers. A request without a trace begins one, whose id is
//! its own.

use super::attributes::{Attributes, operation};
use super::values::{AnyValue, List, Nanoseconds, Shown};
use crate::event::Event;
use crate::settings::Semconv;
use headgate_collector_types::Log;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::fmt::{self, Display};

/// Kind of a span: a call to another service.
const CLIENT: u8 = 3;
/// Status of a span that failed.
const ERROR: u8 = 2;

/// The spans of events, one after another.
pub(super) struct Spans<'a>(pub(super) Semconv, pub(super) &'a [Event]);

impl Serialize for Spans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut spans = serializer.serialize_seq(None)?;
        self.1.iter().try_for_each(|event| write(self.0, event, &mut spans))?;
        spans.end()
    }
}

/// Writes the spans of an event; none of an entry that is no request.
fn write<S: SerializeSeq>(semconv: Semconv, event: &Event, spans: &mut S) -> Result<(), S::Error> {
    let Some(ids) = Some(event).filter(|event| event.log == Log::Requests).and_then(Ids::of) else { return Ok(()) };
    spans.serialize_element(&request(semconv, event, &ids))?;
    let attempts = event.at("attempts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, members) in attempts.iter().enumerate() {
        let is_last = index.saturating_add(1) == attempts.len();
        spans.serialize_element(&attempt(event, &ids, &Attempt { index, members }, is_last))?;
    }
    Ok(())
}

/// The ids of a request's spans.
struct Ids<'a> {
    trace: String,
    parent: Option<&'a str>,
    request: u64,
}

impl<'a> Ids<'a> {
    fn of(event: &'a Event) -> Option<Self> {
        let own = event.id().replace('-', "");
        let request = u64::from_str_radix(own.get(16..32)?, 16).ok()?;
        let trace = event.text_at("trace_id").map_or(own, str::to_owned);
        Some(Self { trace, parent: event.text_at("parent_span_id"), request })
    }

    fn attempt(&self, index: usize) -> u64 {
        self.request.wrapping_add(index as u64).wrapping_add(1)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a, A: Serialize> {
    trace_id: &'a str,
    span_id: Shown<Id<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<Shown<Id<'a>>>,
    name: Shown<Name<'a>>,
    kind: u8,
    start_time_unix_nano: Nanoseconds,
    end_time_unix_nano: Nanoseconds,
    attributes: A,
    status: Status,
}

/// The id of a span: ours, or one that the caller has told.
enum Id<'a> {
    Own(u64),
    Told(&'a str),
}

impl Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(id) => write!(f, "{id:016x}"),
            Self::Told(id) => f.write_str(id),
        }
    }
}

/// The name of a span: one word or two.
struct Name<'a>(&'a str, Option<&'a str>);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)?;
        self.1.map_or(Ok(()), |second| write!(f, " {second}"))
    }
}

#[derive(Serialize)]
struct Status {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
}

impl Status {
    fn of(failed: bool) -> Self {
        Self { code: failed.then_some(ERROR) }
    }
}

fn request<'a>(semconv: Semconv, event: &'a Event, ids: &'a Ids<'_>) -> Span<'a, Attributes<'a>> {
    let started = event.time_us();
    let error = event.status().filter(|_| !event.is_success() && event.at("error_code").is_none());
    let failed = !event.is_success() || event.text_at("ended_by") == Some("provider");
    Span {
        trace_id: &ids.trace,
        span_id: Shown(Id::Own(ids.request)),
        parent_span_id: ids.parent.map(|id| Shown(Id::Told(id))),
        name: Shown(Name(operation(event.text_at("surface")), event.text_at("requested_model"))),
        kind: CLIENT,
        start_time_unix_nano: Nanoseconds(started),
        end_time_unix_nano: Nanoseconds(after(started, event.at("duration_us"))),
        attributes: Attributes { semconv, event, error },
        status: Status::of(failed),
    }
}

/// A try of a request.
struct Attempt<'a> {
    index: usize,
    members: &'a Value,
}

impl Attempt<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }
}

/// Attributes of a try, and the members that they are.
const ATTEMPT: [(&str, &str); 6] = [
    ("gen_ai.request.model", "model"),
    ("http.response.status_code", "status"),
    ("error.type", "error"),
    ("headgate.attempt.provider", "provider"),
    ("headgate.attempt.kind", "kind"),
    ("headgate.attempt.provider_error", "provider_error"),
];

impl Serialize for Attempt<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = List(serializer.serialize_seq(None)?);
        list.add("http.request.resend_count", AnyValue::Int(i64::try_from(self.index).unwrap_or(i64::MAX)))?;
        for (name, member) in ATTEMPT {
            if let Some(value) = self.members.get(member) {
                list.add(name, AnyValue::Member(value))?;
            }
        }
        list.0.end()
    }
}

/// Returns the span of a try. It names no operation, so that nothing counts it as a request of its own.
fn attempt<'a>(event: &Event, ids: &'a Ids<'_>, one: &'a Attempt<'a>, is_last: bool) -> Span<'a, &'a Attempt<'a>> {
    let started = after(event.time_us(), one.members.get("started_after_us"));
    // The answer of the try that served the client ends with the request.
    let ended = match is_last && event.at("served_by").is_some() {
        true => after(event.time_us(), event.at("duration_us")),
        false => after(started, one.members.get("latency_us")),
    };
    Span {
        trace_id: &ids.trace,
        span_id: Shown(Id::Own(ids.attempt(one.index))),
        parent_span_id: Some(Shown(Id::Own(ids.request))),
        name: Shown(Name("attempt", Some(one.text("provider").unwrap_or_default()))),
        kind: CLIENT,
        start_time_unix_nano: Nanoseconds(started),
        end_time_unix_nano: Nanoseconds(ended.max(started)),
        attributes: one,
        status: Status::of(one.text("error").is_some()),
    }
}

/// Returns a time, µs since the Unix epoch, this many µs after another.
pub(super) fn after(us: i64, later: Option<&Value>) -> i64 {
    us.saturating_add(later.and_then(Value::as_i64).unwrap_or(0))
}
