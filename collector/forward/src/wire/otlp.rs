//! OpenTelemetry over HTTP, in JSON, with the names of the GenAI conventions: logs, spans or metrics.

mod attributes;
mod logs;
mod metrics;
mod spans;

use super::{Answer, Call, compressed};
use crate::event::Event;
use crate::settings::{Settings, Signal};
use crate::verdict::{Fault, Verdict, of_status};
use attributes::attribute;
use serde_json::{Value, json};

/// Returns the call. Events of one proxy and log that follow each other share a resource and a scope.
pub(super) fn call(settings: &Settings, events: &[Event]) -> Call {
    let groups = events.chunk_by(|a, b| a.log == b.log && a.host() == b.host());
    let resources: Vec<_> = groups.map(|group| resource(settings, group)).collect();
    let (path, member) = match settings.signal {
        Signal::Logs => ("/v1/logs", "resourceLogs"),
        Signal::Traces => ("/v1/traces", "resourceSpans"),
        Signal::Metrics => ("/v1/metrics", "resourceMetrics"),
    };
    let body = json!({member: resources}).to_string();
    let (mut headers, body) = compressed("application/json", body.as_bytes());
    if let Some(token) = &settings.token {
        headers.push(("authorization", token.0.clone()));
    }
    Call { path, headers, body }
}

fn resource(settings: &Settings, group: &[Event]) -> Value {
    let first = group.first();
    let kind = first.map_or("request", Event::kind);
    let mut attributes = vec![attribute("service.name", &json!("headgate"))];
    attributes.extend(first.map(|event| attribute("service.instance.id", &json!(event.host()))));
    let environment = first.and_then(|event| event.at("environment"));
    attributes.extend(environment.map(|value| attribute("deployment.environment.name", value)));
    let (scopes, items, list) = match settings.signal {
        Signal::Logs => {
            ("scopeLogs", "logRecords", group.iter().map(|event| logs::record(settings, event)).collect::<Vec<_>>())
        }
        Signal::Traces => {
            ("scopeSpans", "spans", group.iter().flat_map(|event| spans::of_request(settings, event)).collect())
        }
        Signal::Metrics => ("scopeMetrics", "metrics", metrics::of_requests(settings, group)),
    };
    json!({
        "resource": {"attributes": attributes},
        scopes: [{"scope": {"name": format!("headgate.{kind}")}, items: list}],
    })
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
