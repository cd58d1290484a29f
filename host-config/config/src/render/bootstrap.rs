//! Renders the bootstrap file: the admin page, and the sources of all other configuration.
//!
//! Clusters and listeners are files of their own, so that Envoy takes up a later rendering without a restart.

use super::xds::{Module, RenderOptions, watched};
use crate::compile::Compiled;
use serde_json::{Value, json};

/// Largest number of client connections at a time.
const MAX_CLIENT_CONNECTIONS: u32 = 50_000;

pub(super) fn bootstrap(compiled: &Compiled, options: &RenderOptions) -> Value {
    let admin = &compiled.settings.admin;
    let mut bootstrap = json!({
        "node": {"id": "headgate", "cluster": "headgate"},
        "admin": {
            "address": {"socket_address": {"address": admin.address, "port_value": admin.port}},
        },
        "dynamic_resources": {
            "cds_config": watched(options, "cds.json"),
            "lds_config": watched(options, "lds.json"),
        },
        "overload_manager": overload_manager(compiled),
        "stats_config": super::stats::config(options),
    });
    if let (Module::Native(_), Some(fields)) = (&options.module, bootstrap.as_object_mut()) {
        fields.insert("layered_runtime".to_owned(), super::stats::runtime());
    }
    bootstrap
}

/// Returns the actions that the proxy takes before the machine runs out of memory, the mildest first.
fn overload_manager(compiled: &Compiled) -> Value {
    json!({
        "refresh_interval": "0.25s",
        // Streams are tracked from 1 MiB on, so that the largest are reset first.
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": 20},
        "resource_monitors": [
            // Most of the heap is buffers of requests and answers. V8's memory is not in it: `max_memory` bounds that.
            {
                "name": HEAP,
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": compiled.settings.max_heap,
                },
            },
            // Bounds the open files. Without it Envoy warns at every start.
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": MAX_CLIENT_CONNECTIONS,
                },
            },
        ],
        "actions": [
            // Returns freed pages, which affects no request.
            action("shrink_heap", &json!({"threshold": {"value": 0.80}})),
            // Clients with many idle connections open new ones elsewhere.
            action("disable_http_keepalive", &json!({"threshold": {"value": 0.90}})),
            // New requests are answered with our 503; requests in progress continue.
            action("stop_accepting_requests", &json!({"threshold": {"value": 0.92}})),
            // Resets the largest streams first, and more of them as the heap fills.
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
