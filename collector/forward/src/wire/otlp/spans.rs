//! The spans of a request: its own, below the caller's, and one for each try below that.
//!
//! The ids are those that the proxy has told the caller's trace and the providers. A request without a trace begins one, whose id is
//! its own.

use super::attributes::{all, attribute, operation};
use crate::event::Event;
use crate::settings::Settings;
use headgate_collector_types::Log;
use serde_json::{Map, Value, json};

/// Kind of a span: a call to another service.
const CLIENT: u8 = 3;
/// Status of a span that failed.
const ERROR: u8 = 2;

/// Returns the spans of an event; none of an entry that is no request.
pub(super) fn of_request(settings: &Settings, event: &Event) -> Vec<Value> {
    let Some(ids) = Some(event).filter(|event| event.log == Log::Requests).and_then(Ids::of) else { return Vec::new() };
    let attempts = event.at("attempts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut spans = vec![request(settings, event, &ids)];
    spans.extend(attempts.iter().enumerate().map(|(index, one)| attempt(event, &ids, index, one, attempts.len())));
    spans
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

fn request(settings: &Settings, event: &Event, ids: &Ids<'_>) -> Value {
    let started = event.time_us();
    let name = match event.text_at("requested_model") {
        Some(model) => format!("{} {model}", operation(event.text_at("surface"))),
        None => operation(event.text_at("surface")).to_owned(),
    };
    let mut attributes = all(settings, event);
    if let Some(status) = event.status().filter(|_| !event.is_success() && event.at("error_code").is_none()) {
        attributes.push(attribute("error.type", &json!(status.to_string())));
    }
    let failed = !event.is_success() || event.text_at("ended_by") == Some("provider");
    span(
        ids,
        ids.request,
        ids.parent.map(str::to_owned),
        name,
        (started, after(started, event.at("duration_us"))),
        failed,
        attributes,
    )
}

/// Returns the span of a try. It names no operation, so that nothing counts it as a request of its own.
fn attempt(event: &Event, ids: &Ids<'_>, index: usize, one: &Value, count: usize) -> Value {
    let text = |name: &str| one.get(name).and_then(Value::as_str);
    let started = after(event.time_us(), one.get("started_after_us"));
    let is_served = index.saturating_add(1) == count && event.at("served_by").is_some();
    // The answer of the try that served the client ends with the request.
    let ended =
        if is_served { after(event.time_us(), event.at("duration_us")) } else { after(started, one.get("latency_us")) };
    let names = [
        ("gen_ai.request.model", one.get("model")),
        ("http.response.status_code", one.get("status")),
        ("error.type", one.get("error")),
        ("headgate.attempt.provider", one.get("provider")),
        ("headgate.attempt.kind", one.get("kind")),
        ("headgate.attempt.provider_error", one.get("provider_error")),
    ];
    let mut attributes = vec![attribute("http.request.resend_count", &json!(index))];
    attributes.extend(names.iter().filter_map(|(name, value)| Some(attribute(name, (*value)?))));
    let name = format!("attempt {}", text("provider").unwrap_or_default());
    let parent = format!("{:016x}", ids.request);
    span(
        ids,
        ids.attempt(index),
        Some(parent),
        name,
        (started, ended.max(started)),
        text("error").is_some(),
        attributes,
    )
}

fn span(
    ids: &Ids<'_>,
    id: u64,
    parent: Option<String>,
    name: String,
    (started, ended): (i64, i64),
    failed: bool,
    attributes: Vec<Value>,
) -> Value {
    let mut members = Map::new();
    members.insert("traceId".to_owned(), json!(ids.trace));
    members.insert("spanId".to_owned(), json!(format!("{id:016x}")));
    members.extend(parent.map(|parent| ("parentSpanId".to_owned(), json!(parent))));
    members.insert("name".to_owned(), json!(name));
    members.insert("kind".to_owned(), json!(CLIENT));
    members.insert("startTimeUnixNano".to_owned(), nanoseconds(started));
    members.insert("endTimeUnixNano".to_owned(), nanoseconds(ended));
    members.insert("attributes".to_owned(), Value::Array(attributes));
    members.insert("status".to_owned(), if failed { json!({"code": ERROR}) } else { json!({}) });
    Value::Object(members)
}

/// Returns a time, µs since the Unix epoch, this many µs after another.
pub(super) fn after(us: i64, later: Option<&Value>) -> i64 {
    us.saturating_add(later.and_then(Value::as_i64).unwrap_or(0))
}

/// Returns a time as the protocol has it.
pub(super) fn nanoseconds(us: i64) -> Value {
    json!(i128::from(us).saturating_mul(1_000).to_string())
}
