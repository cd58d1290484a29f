//! OpenTelemetry over HTTP, in JSON, with the names of the GenAI conventions: logs, spans or metrics. Logs and spans are written
//! straight to bytes: a record has some sixty attributes, and building them first took ten times as long.

mod attributes;
mod logs;
mod metrics;
mod names;
mod spans;
#[cfg(test)]
mod tests;
mod values;

use super::{Answer, Call, compressed};
use crate::event::Event;
use crate::settings::{Settings, Signal};
use crate::verdict::{Fault, Verdict, of_status};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::{Value, to_writer};
use std::io;
use values::{AnyValue, Each, attribute, one};

/// Returns the call. Events of one proxy and log that follow each other share a resource and a scope.
pub(super) fn call(settings: &Settings, events: &[Event]) -> io::Result<Call> {
    let path = match settings.signal {
        Signal::Logs => "/v1/logs",
        Signal::Traces => "/v1/traces",
        Signal::Metrics => "/v1/metrics",
    };
    let (mut headers, body) = compressed("application/json", |out| Ok(to_writer(out, &Body { settings, events })?))?;
    if let Some(token) = &settings.token {
        headers.push(("authorization", token.0.clone()));
    }
    Ok(Call { path, headers, body })
}

struct Body<'a> {
    settings: &'a Settings,
    events: &'a [Event],
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let groups = self.events.chunk_by(|a, b| a.log == b.log && a.host() == b.host());
        let resources: Vec<_> = groups.map(|events| Resource(Self { events, ..*self })).collect();
        let member = match self.settings.signal {
            Signal::Logs => "resourceLogs",
            Signal::Traces => "resourceSpans",
            Signal::Metrics => "resourceMetrics",
        };
        one(serializer, member, &resources)
    }
}

/// Events of one proxy and log.
struct Resource<'a>(Body<'a>);

impl Serialize for Resource<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Named<A: Serialize> {
            attributes: A,
        }
        let first = self.0.events.first();
        let mut attributes = vec![attribute("service.name", AnyValue::Text("headgate"))];
        attributes.extend(first.map(|event| attribute("service.instance.id", AnyValue::Text(event.host()))));
        let environment = first.and_then(|event| event.at("environment"));
        attributes.extend(environment.map(|value| attribute("deployment.environment.name", AnyValue::Member(value))));
        let scopes = match self.0.settings.signal {
            Signal::Logs => "scopeLogs",
            Signal::Traces => "scopeSpans",
            Signal::Metrics => "scopeMetrics",
        };
        let mut object = serializer.serialize_struct("Resource", 2)?;
        object.serialize_field("resource", &Named { attributes })?;
        object.serialize_field(scopes, &[Scope(&self.0)])?;
        object.end()
    }
}

/// The scope that all these events have.
struct Scope<'a>(&'a Body<'a>);

impl Serialize for Scope<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Named {
            name: String,
        }
        let Body { settings, events } = *self.0;
        let kind = events.first().map_or("request", Event::kind);
        let mut object = serializer.serialize_struct("Scope", 2)?;
        object.serialize_field("scope", &Named { name: format!("headgate.{kind}") })?;
        match settings.signal {
            Signal::Logs => {
                object.serialize_field("logRecords", &Each(events, |event| logs::LogRecord(settings, event)))
            }
            Signal::Traces => object.serialize_field("spans", &spans::Spans(settings.semconv, events)),
            Signal::Metrics => object.serialize_field("metrics", &metrics::of_requests(settings, events)),
        }?;
        object.end()
    }
}

pub(super) fn judge(answer: &Answer) -> Verdict {
    match answer.status {
        200..300 => match rejected(answer) {
            0 => Verdict::DELIVERED,
            // The receiver must not be sent these again, and does not say which they are.
            count => Verdict::Delivered { refused: vec![(0, Fault::Uncounted(count))] },
        },
        status => of_status(status, answer.after),
    }
}

fn rejected(answer: &Answer) -> u64 {
    let body = answer.json().unwrap_or_default();
    let Some(partial) = body.get("partialSuccess") else { return 0 };
    let names = ["rejectedLogRecords", "rejectedSpans", "rejectedDataPoints"];
    let number = |count: &Value| count.as_u64().or_else(|| count.as_str()?.parse().ok());
    names.iter().find_map(|name| partial.get(name).and_then(number)).unwrap_or(0)
}
