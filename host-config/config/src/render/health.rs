//! Renders the listener for health checks: `/healthz`, and 404 for everything else.
//!
//! It has no filter of the gateway, so a probe without TLS can reach it and nothing behind it. It answers 503 from the
//! beginning of a drain on.

use super::xds::{LISTENER_TYPE, address};
use crate::proxy_settings::Socket;
use serde_json::{Value, json};

const NAME: &str = "headgate_health";

pub(super) fn listener(socket: &Socket) -> Value {
    json!({
        "@type": LISTENER_TYPE,
        "name": NAME,
        "address": address(socket),
        // A proxy that is full of clients is not dead.
        "ignore_global_conn_limit": true,
        "per_connection_buffer_limit_bytes": 32 << 10,
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": connection_manager(),
        }]}],
    })
}

fn connection_manager() -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": NAME,
        "codec_type": "AUTO",
        "request_headers_timeout": "5s",
        "request_timeout": "5s",
        "max_request_headers_kb": 8,
        "common_http_protocol_options": {"max_headers_count": 100, "idle_timeout": "60s"},
        "http_protocol_options": {"accept_http_10": true, "default_host_for_http_10": "headgate"},
        "http_filters": [
            {
                "name": "envoy.filters.http.health_check",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck",
                    "pass_through_mode": false,
                    "headers": [{"name": ":path", "string_match": {"exact": "/healthz"}}],
                },
            },
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            },
        ],
        "route_config": {
            "name": NAME,
            "virtual_hosts": [{
                "name": NAME,
                "domains": ["*"],
                "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 404}}],
            }],
        },
    })
}
