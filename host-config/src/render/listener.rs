//! The listener: where clients connect, and the gate in front of the router.

use super::{RenderOptions, buffer_bytes, wasm, watched};
use crate::Compiled;
use serde_json::{Value, json};

pub(super) fn resources(compiled: &Compiled, options: &RenderOptions) -> Value {
    let listen = &compiled.settings.listen;
    json!({"resources": [{
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": "headgate",
        "address": {"socket_address": {"address": listen.address, "port_value": listen.port}},
        "per_connection_buffer_limit_bytes": buffer_bytes(compiled),
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": connection_manager(options),
        }]}],
    }]})
}

fn connection_manager(options: &RenderOptions) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "headgate",
        "codec_type": "AUTO",
        "rds": {"route_config_name": super::route::NAME, "config_source": watched(options, "rds.json")},
        // Nothing of the gateway is added to what the provider sees, and nothing of the provider's answer is replaced.
        "generate_request_id": false,
        "preserve_external_request_id": true,
        "server_header_transformation": "PASS_THROUGH",
        "use_remote_address": true,
        "skip_xff_append": true,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        // A model may think for minutes before its first byte; a client that stalls while sending has less patience.
        "stream_idle_timeout": "600s",
        "request_headers_timeout": "30s",
        // The whole request, so that a body sent in trickles does not hold a buffer for ever.
        "request_timeout": "300s",
        "max_request_headers_kb": 96,
        "http_filters": [gate(options), router()],
    })
}

/// The gate comes through extension discovery: a new policy then replaces it without a new listener, and the
/// connections of clients stay.
fn gate(options: &RenderOptions) -> Value {
    json!({
        "name": wasm::GATE_RESOURCE,
        "config_discovery": {
            "config_source": watched(options, wasm::GATE_FILE),
            "type_urls": [wasm::TYPE_URL],
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
