//! The configuration of the Envoy with which Headgate is compared: the listener, connection manager, retries and cluster of
//! `headgate render envoy`, without Headgate.
//!
//! It is not derived from the rendering, so that the parts that a rendering adds for Headgate (watched files, the route
//! that asks the filter, removed headers) count as Headgate's cost.

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;

/// As rendered for the default `max_request_bytes` of 20 MiB.
const BUFFER: u64 = 21 << 20;
const OUT_OF_REACH: u32 = 1_000_000;

/// Returns a bootstrap, with a Wasm filter before the router if one is given.
pub(crate) fn bootstrap(listen: SocketAddr, provider: SocketAddr, wasm: Option<&Path>) -> Value {
    let filters: Vec<Value> = wasm.map(filter).into_iter().chain([router()]).collect();
    json!({
        "node": {"id": "headgate", "cluster": "headgate"},
        "static_resources": {"listeners": [listener(listen, &filters)], "clusters": [cluster(provider)]},
        "layered_runtime": {"layers": [{"name": "bench", "static_layer": {
            "overload.global_downstream_max_connections": 50_000,
        }}]},
    })
}

fn listener(listen: SocketAddr, filters: &[Value]) -> Value {
    json!({
        "name": "bench",
        "address": socket(listen),
        "per_connection_buffer_limit_bytes": BUFFER,
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": "bench",
                "codec_type": "AUTO",
                "route_config": routes(),
                "generate_request_id": false,
                "preserve_external_request_id": true,
                "server_header_transformation": "PASS_THROUGH",
                "use_remote_address": true,
                "skip_xff_append": true,
                "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
                "stream_idle_timeout": "600s",
                "request_headers_timeout": "30s",
                "max_request_headers_kb": 96,
                "http_filters": filters,
            },
        }]}],
    })
}

fn routes() -> Value {
    json!({
        "name": "bench",
        "virtual_hosts": [{
            "name": "bench",
            "domains": ["*"],
            "request_body_buffer_limit": BUFFER,
            "routes": [{
                "match": {"prefix": "/"},
                "route": {
                    "cluster": "provider",
                    "timeout": "0s",
                    "retry_policy": {
                        "retry_on": "connect-failure,refused-stream,reset,retriable-headers",
                        "retriable_headers": [{"name": "x-headgate-retry", "present_match": true}],
                        "num_retries": 1,
                    },
                },
            }],
        }],
    })
}

fn cluster(provider: SocketAddr) -> Value {
    json!({
        "name": "provider",
        "type": "STATIC",
        "connect_timeout": "5s",
        "per_connection_buffer_limit_bytes": BUFFER,
        "circuit_breakers": {"thresholds": [{
            "max_connections": OUT_OF_REACH,
            "max_pending_requests": OUT_OF_REACH,
            "max_requests": OUT_OF_REACH,
            "max_retries": OUT_OF_REACH,
        }]},
        "load_assignment": {
            "cluster_name": "provider",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(provider)}}]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http_protocol_options": {}},
            },
        },
    })
}

fn router() -> Value {
    json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            "suppress_envoy_headers": true,
        },
    })
}

fn filter(wasm: &Path) -> Value {
    json!({
        "name": "empty",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "empty",
                "vm_config": {
                    "vm_id": "empty",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": wasm}},
                },
                "failure_policy": "FAIL_RELOAD",
                "allow_on_headers_stop_iteration": true,
            },
        },
    })
}

pub(crate) fn socket(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip(), "port_value": address.port()}})
}
