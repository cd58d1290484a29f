//! Metrics of a batch of requests: sums and histograms of what is new since the last batch (delta temporality).

use super::attributes::{operation, provider, provider_names};
use super::spans::after;
use super::values::{AnyValue, Attribute, Nanoseconds, attribute};
use crate::event::Event;
use crate::settings::{Semconv, Settings};
use headgate_collector_types::Log;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Aggregation temporality: what is new.
const DELTA: u8 = 1;
/// Bounds of buckets, as the conventions advise, s.
const DURATIONS: [f64; 14] = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const FIRST_CHUNKS: [f64; 16] =
    [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The same, of tokens.
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// A histogram of the conventions.
struct Histogram {
    name: &'static str,
    unit: &'static str,
    bounds: &'static [f64],
    /// Path of the member, and the factor that makes it the unit.
    path: &'static str,
    factor: f64,
    /// Value of `gen_ai.token.type`.
    token_type: Option<&'static str>,
}

const fn seconds(name: &'static str, bounds: &'static [f64], path: &'static str) -> Histogram {
    Histogram { name, unit: "s", bounds, path, factor: 1e-6, token_type: None }
}

const fn tokens(name: &'static str, path: &'static str, token_type: Option<&'static str>) -> Histogram {
    Histogram { name, unit: "{token}", bounds: &TOKENS, path, factor: 1.0, token_type }
}

const HISTOGRAMS: [Histogram; 4] = [
    seconds("gen_ai.client.inference.duration", &DURATIONS, "duration_us"),
    seconds("gen_ai.client.inference.time_to_first_chunk", &FIRST_CHUNKS, "time_to_first_token_us"),
    tokens("gen_ai.client.inference.operation.input_tokens", "usage.input_tokens", None),
    tokens("gen_ai.client.inference.operation.output_tokens", "usage.output_tokens", None),
];
const HISTOGRAMS_V1_36: [Histogram; 4] = [
    seconds("gen_ai.client.operation.duration", &DURATIONS, "duration_us"),
    seconds("gen_ai.server.time_to_first_token", &FIRST_CHUNKS, "time_to_first_token_us"),
    tokens("gen_ai.client.token.usage", "usage.input_tokens", Some("input")),
    tokens("gen_ai.client.token.usage", "usage.output_tokens", Some("output")),
];
const SUMS: [(&str, &str); 5] = [
    ("gen_ai.client.inference.usage.input_tokens", "usage.input_tokens"),
    ("gen_ai.client.inference.usage.output_tokens", "usage.output_tokens"),
    ("gen_ai.client.inference.usage.cache_read.input_tokens", "usage.cached_input_tokens"),
    ("gen_ai.client.inference.usage.cache_write.input_tokens", "usage.cache_write_input_tokens"),
    ("gen_ai.client.inference.usage.reasoning.output_tokens", "usage.reasoning_tokens"),
];

/// Returns the metrics of these requests, which follow each other; none of other entries.
pub(super) fn of_requests(settings: &Settings, group: &[Event]) -> Vec<Value> {
    let events: Vec<_> = group.iter().filter(|event| is_inference(event)).collect();
    let Some(span) = Interval::of(&events) else { return Vec::new() };
    let mut by_labels: BTreeMap<Labels<'_>, Vec<&Event>> = BTreeMap::new();
    for event in events {
        by_labels.entry(Labels::of(event)).or_default().push(event);
    }
    let semconv = settings.semconv;
    let now = [Semconv::V0_1, Semconv::Both].contains(&semconv);
    let former = [Semconv::V1_36, Semconv::Both].contains(&semconv);
    let mut metrics = Vec::new();
    if now {
        metrics.extend(HISTOGRAMS.iter().map(|one| histogram(&[one], &by_labels, &span, semconv)));
        metrics.extend(SUMS.iter().map(|(name, path)| sum(name, path, &by_labels, &span, semconv)));
    }
    if former {
        let same_name = |a: &Histogram, b: &Histogram| a.name == b.name;
        let groups = HISTOGRAMS_V1_36.chunk_by(same_name);
        metrics.extend(groups.map(|group| histogram(&group.iter().collect::<Vec<_>>(), &by_labels, &span, semconv)));
    }
    metrics
}

/// Whether an event is a request to a model.
fn is_inference(event: &Event) -> bool {
    event.log == Log::Requests
        && !matches!(event.text_at("surface"), None | Some("models" | "unknown" | "count_tokens"))
}

/// The time of a batch, µs since the Unix epoch.
struct Interval {
    from: i64,
    to: i64,
}

impl Interval {
    fn of(events: &[&Event]) -> Option<Self> {
        let from = events.iter().map(|event| event.time_us()).min()?;
        let to = events.iter().map(|event| after(event.time_us(), event.at("duration_us"))).max()?;
        Some(Self { from, to: to.max(from) })
    }
}

/// The attributes by which a metric is divided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Labels<'a> {
    surface: Option<&'a str>,
    requested_model: Option<&'a str>,
    response_model: Option<&'a str>,
    error: Option<String>,
}

impl<'a> Labels<'a> {
    fn of(event: &'a Event) -> Self {
        let status = event.status().filter(|_| !event.is_success()).map(|status| status.to_string());
        Self {
            surface: event.text_at("surface"),
            requested_model: event.text_at("requested_model"),
            response_model: event.text_at("response_model"),
            error: event.text_at("error_code").map(str::to_owned).or(status),
        }
    }

    fn attributes(&'a self, semconv: Semconv, token_type: Option<&'a str>) -> Vec<Attribute<'a, &'static str>> {
        let named = provider_names(semconv).iter().map(|name| (*name, Some(provider(self.surface))));
        let mut pairs = vec![("gen_ai.operation.name", Some(operation(self.surface)))];
        pairs.extend(named);
        pairs.extend([
            ("gen_ai.request.model", self.requested_model),
            ("gen_ai.response.model", self.response_model),
            ("error.type", self.error.as_deref()),
            ("gen_ai.token.type", token_type),
        ]);
        pairs.into_iter().filter_map(|(name, value)| Some(attribute(name, AnyValue::Text(value?)))).collect()
    }
}

type ByLabels<'a> = BTreeMap<Labels<'a>, Vec<&'a Event>>;

fn histogram(parts: &[&Histogram], by_labels: &ByLabels<'_>, span: &Interval, semconv: Semconv) -> Value {
    let points: Vec<_> = parts
        .iter()
        .flat_map(|part| by_labels.iter().filter_map(|(labels, events)| point(part, labels, events, span, semconv)))
        .collect();
    let (name, unit) = parts.first().map_or(("", ""), |first| (first.name, first.unit));
    json!({"name": name, "unit": unit, "histogram": {"aggregationTemporality": DELTA, "dataPoints": points}})
}

fn point(part: &Histogram, labels: &Labels<'_>, events: &[&Event], span: &Interval, semconv: Semconv) -> Option<Value> {
    let values: Vec<f64> = events
        .iter()
        .filter_map(|event| event.at(part.path)?.as_u64())
        .map(|value| value as f64 * part.factor)
        .collect();
    if values.is_empty() {
        return None;
    }
    let mut counts = vec![0_u64; part.bounds.len().saturating_add(1)];
    for value in &values {
        let place = part.bounds.partition_point(|bound| bound < value);
        if let Some(count) = counts.get_mut(place) {
            *count = count.saturating_add(1);
        }
    }
    let counts: Vec<_> = counts.iter().map(u64::to_string).collect();
    Some(json!({
        "attributes": labels.attributes(semconv, part.token_type),
        "startTimeUnixNano": Nanoseconds(span.from),
        "timeUnixNano": Nanoseconds(span.to),
        "count": values.len().to_string(),
        "sum": values.iter().sum::<f64>(),
        "bucketCounts": counts,
        "explicitBounds": part.bounds,
    }))
}

fn sum(name: &str, path: &str, by_labels: &ByLabels<'_>, span: &Interval, semconv: Semconv) -> Value {
    let of =
        |events: &[&Event]| events.iter().filter_map(|event| event.at(path)?.as_u64()).fold(0_u64, u64::saturating_add);
    let points: Vec<_> = by_labels
        .iter()
        .map(|(labels, events)| {
            json!({
                "attributes": labels.attributes(semconv, None),
                "startTimeUnixNano": Nanoseconds(span.from),
                "timeUnixNano": Nanoseconds(span.to),
                "asInt": of(events).to_string(),
            })
        })
        .collect();
    json!({"name": name, "unit": "{token}", "sum": {"aggregationTemporality": DELTA, "isMonotonic": true, "dataPoints": points}})
}
