//! API Activity (6003) of the Open Cybersecurity Schema Framework 1.5.

use super::{copy, put};
use crate::event::Event;
use headgate_collector_types::Log;
use serde_json::{Map, Value, json};

const CLASS: i64 = 6003;
/// Activities: create, read, update, delete, other.
const OTHER: i64 = 99;

const REQUEST: [(&str, &str); 6] = [
    ("trace_id", "metadata.correlation_uid"),
    ("caller.key_id", "actor.user.uid"),
    ("caller.owner", "actor.user.name"),
    ("client.user_agent", "http_request.user_agent"),
    ("status", "http_response.code"),
    ("error_code", "status_detail"),
];

const AUDIT: [(&str, &str); 7] = [
    ("actor.id", "actor.user.uid"),
    ("actor.name", "actor.user.name"),
    ("actor.address", "src_endpoint.ip"),
    ("actor.user_agent", "http_request.user_agent"),
    ("request_id", "metadata.correlation_uid"),
    ("type", "api.operation"),
    ("outcome", "status_detail"),
];

/// Returns the members of the object.
pub(super) fn members(event: &Event) -> Map<String, Value> {
    let mut members = Map::new();
    let activity = activity(event);
    put(&mut members, "class_uid", Some(json!(CLASS)));
    put(&mut members, "category_uid", Some(json!(6)));
    put(&mut members, "activity_id", Some(json!(activity)));
    put(&mut members, "type_uid", Some(json!(CLASS.saturating_mul(100).saturating_add(activity))));
    put(&mut members, "time", Some(json!(event.time_us() / 1_000)));
    put(&mut members, "severity_id", Some(json!(if event.is_success() { 1 } else { 2 })));
    put(&mut members, "status_id", Some(json!(if event.is_success() { 1 } else { 2 })));
    put(&mut members, "metadata.version", Some(json!("1.5.0")));
    put(&mut members, "metadata.product.name", Some(json!("Headgate")));
    put(&mut members, "metadata.product.vendor_name", Some(json!("Headgate")));
    put(&mut members, "metadata.uid", Some(json!(event.unique_id())));
    put(&mut members, "metadata.log_name", Some(json!(event.log.as_str())));
    put(&mut members, "metadata.sequence", Some(json!(event.position)));
    put(&mut members, "api.operation", event.at("surface").cloned());
    put(&mut members, "api.service.name", Some(json!("headgate")));
    put(&mut members, "src_endpoint.name", Some(json!(event.host())));
    match event.log {
        Log::Requests => {
            copy(&mut members, event, &REQUEST);
            let ms = event.at("duration_us").and_then(Value::as_u64).map(|us| json!(us / 1_000));
            put(&mut members, "duration", ms);
        }
        Log::Audit => {
            copy(&mut members, event, &AUDIT);
            let mut resource = Map::new();
            copy(&mut resource, event, &[("resource.kind", "type"), ("resource.id", "uid"), ("resource.name", "name")]);
            put(&mut members, "resources", Some(json!([resource])));
        }
    }
    // An actor needs a member, and a request that was refused for its key has no caller.
    if !members.contains_key("actor") {
        put(&mut members, "actor.user.name", Some(json!("unknown")));
    }
    put(&mut members, "unmapped", Some(Value::Object(event.members.clone())));
    members
}

fn activity(event: &Event) -> i64 {
    match event.text_at("operation") {
        Some("create") => 1,
        Some("read" | "search" | "export" | "access") => 2,
        Some("update") => 3,
        Some("delete") => 4,
        _ => OTHER,
    }
}
