//! The file Envoy is started with: the admin page, and where the rest comes from.
//!
//! Clusters and listeners come from files of their own, so that a later rendering is taken up without a restart.

use super::{RenderOptions, watched};
use crate::Compiled;
use serde_json::{Value, json};

/// Connections of clients at a time.
const MAX_CLIENT_CONNECTIONS: u32 = 50_000;

pub(super) fn bootstrap(compiled: &Compiled, options: &RenderOptions) -> Value {
    let admin = &compiled.settings.admin;
    json!({
        "node": {"id": "headgate", "cluster": "headgate"},
        "admin": {
            "address": {"socket_address": {"address": admin.address, "port_value": admin.port}},
        },
        "dynamic_resources": {
            "cds_config": watched(options, "cds.json"),
            "lds_config": watched(options, "lds.json"),
        },
        "overload_manager": overload_manager(compiled),
    })
}

/// What the proxy does before the machine runs out of memory. The later a step, the more it hurts.
fn overload_manager(compiled: &Compiled) -> Value {
    json!({
        "refresh_interval": "0.25s",
        // Streams that hold more than 1 MiB are told apart by how much they hold, so that the largest go first.
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": 20},
        "resource_monitors": [
            // Buffers of requests and answers are the heap's bulk. V8's memory is not in it: `max_memory` bounds that.
            {
                "name": HEAP,
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": compiled.settings.max_heap,
                },
            },
            // Open files are finite. Envoy warns at every start when nothing bounds them.
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": MAX_CLIENT_CONNECTIONS,
                },
            },
        ],
        "actions": [
            // Gives freed pages back, which costs nobody anything.
            action("shrink_heap", &json!({"threshold": {"value": 0.80}})),
            // Clients with many idle connections open new ones elsewhere.
            action("disable_http_keepalive", &json!({"threshold": {"value": 0.90}})),
            // New requests are 503 in our words; those under way go on.
            action("stop_accepting_requests", &json!({"threshold": {"value": 0.92}})),
            // The streams that hold most are reset first, and more of them the fuller it gets.
            action("reset_high_memory_stream", &json!({"scaled": {"scaling_threshold": 0.95, "saturation_threshold": 0.99}})),
            // Connections wait in the kernel's queue.
            action("stop_accepting_connections", &json!({"threshold": {"value": 0.98}})),
        ],
    })
}

const HEAP: &str = "envoy.resource_monitors.fixed_heap";

fn action(name: &str, trigger: &Value) -> Value {
    let mut trigger = trigger.clone();
    if let Some(fields) = trigger.as_object_mut() {
        fields.insert("name".to_owned(), json!(HEAP));
    }
    json!({"name": format!("envoy.overload_actions.{name}"), "triggers": [trigger]})
}
