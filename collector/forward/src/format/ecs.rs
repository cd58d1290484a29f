//! The Elastic Common Schema 9.

use super::{copy, put};
use crate::event::Event;
use headgate_collector_types::Log;
use serde_json::{Map, Value, json};

const REQUEST: [(&str, &str); 19] = [
    ("id", "event.id"),
    ("trace_id", "trace.id"),
    ("span_id", "span.id"),
    ("parent_span_id", "parent.id"),
    ("node", "service.node.name"),
    ("environment", "service.environment"),
    ("status", "http.response.status_code"),
    ("error_code", "error.code"),
    ("payload.request_bytes", "http.request.body.bytes"),
    ("payload.response_bytes", "http.response.body.bytes"),
    ("client.user_agent", "user_agent.original"),
    ("client.end_user", "user.hash"),
    ("surface", "gen_ai.operation.name"),
    ("requested_model", "gen_ai.request.model"),
    ("response_model", "gen_ai.response.model"),
    ("served_by.provider", "gen_ai.system"),
    ("usage.input_tokens", "gen_ai.usage.input_tokens"),
    ("usage.output_tokens", "gen_ai.usage.output_tokens"),
    ("caller.key_id", "event.provider"),
];

const AUDIT: [(&str, &str); 9] = [
    ("id", "event.id"),
    ("type", "event.action"),
    ("source", "event.provider"),
    ("actor.id", "user.id"),
    ("actor.name", "user.name"),
    ("actor.address", "source.ip"),
    ("actor.user_agent", "user_agent.original"),
    ("resource.kind", "event.reason"),
    ("request_id", "http.request.id"),
];

/// Returns the members of the object.
pub(super) fn members(event: &Event) -> Map<String, Value> {
    let mut members = Map::new();
    put(&mut members, "@timestamp", Some(json!(event.rfc3339())));
    put(&mut members, "ecs.version", Some(json!("9.0.0")));
    put(&mut members, "event.kind", Some(json!("event")));
    put(&mut members, "event.module", Some(json!("headgate")));
    put(&mut members, "event.dataset", Some(json!(format!("headgate.{}", event.kind()))));
    put(&mut members, "service.name", Some(json!("headgate")));
    let outcome = if event.is_success() { "success" } else { "failure" };
    put(&mut members, "event.outcome", Some(json!(outcome)));
    match event.log {
        Log::Requests => request(&mut members, event),
        Log::Audit => {
            copy(&mut members, event, &AUDIT);
            put(&mut members, "event.category", Some(json!(["configuration"])));
            put(&mut members, "event.type", Some(json!([audit_type(event)])));
        }
    }
    put(&mut members, "headgate", Some(Value::Object(event.members.clone())));
    members
}

fn request(members: &mut Map<String, Value>, event: &Event) {
    copy(members, event, &REQUEST);
    put(members, "event.category", Some(json!(["web", "api"])));
    let denied = event.text_at("rejected_by") == Some("gateway");
    put(members, "event.type", Some(json!(["access", if denied { "denied" } else { "allowed" }])));
    let ns = event.at("duration_us").and_then(Value::as_u64).map(|us| json!(us.saturating_mul(1_000)));
    put(members, "event.duration", ns);
}

/// Returns the category of an operation.
fn audit_type(event: &Event) -> &'static str {
    match event.text_at("operation") {
        Some("create") => "creation",
        Some("update") => "change",
        Some("delete") => "deletion",
        Some("read" | "search" | "export" | "access") => "access",
        _ => "info",
    }
}
