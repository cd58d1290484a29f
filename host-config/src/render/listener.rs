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
            "typed_config": connection_manager(compiled, options),
        }]}],
    }]})
}

fn connection_manager(compiled: &Compiled, options: &RenderOptions) -> Value {
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
        "stream_idle_timeout": format!("{}s", idle_timeout_s(compiled)),
        "request_headers_timeout": "30s",
        // The whole request, so that a body sent in trickles does not hold a buffer for ever.
        "request_timeout": "300s",
        // Credentials, tags and trace headers of real clients take a few KiB; the filter copies all of it.
        "max_request_headers_kb": 96,
        "common_http_protocol_options": {
            // The same bound by number, since each header costs more than its bytes.
            "max_headers_count": 100,
            // A client that says nothing keeps its connection for an hour.
            "idle_timeout": "3600s",
        },
        // A bad request ends its own stream and not those of others on the connection.
        "http2_protocol_options": http2(),
        "local_reply_config": super::refusal::local_replies(),
        "access_log": [super::refusal::access_log(compiled, options)],
        "http_filters": [gate(options), router()],
    })
}

/// A client, or a proxy in front of many, gets streams and windows enough for real use; what floods of frames can take of
/// memory and time is bounded. The last four are Envoy's own defaults, written down because security rests on them.
fn http2() -> Value {
    json!({
        "override_stream_error_on_invalid_http_message": true,
        // Streams at a time of one connection.
        "max_concurrent_streams": 256,
        // Bytes that a client may send before they are read: uploads beyond what a filter has taken wait at the client.
        "initial_stream_window_size": 1 << 20,
        "initial_connection_window_size": 16 << 20,
        // Frames that wait for a client that does not read, so that it cannot make us pile them up.
        "max_outbound_frames": 10_000,
        // Of these PING, SETTINGS and RST_STREAM, which a client causes at no cost of its own.
        "max_outbound_control_frames": 1_000,
        // Frames that carry nothing.
        "max_consecutive_inbound_frames_with_empty_payload": 1,
        "max_inbound_priority_frames_per_stream": 100,
        "max_inbound_window_update_frames_per_data_frame_sent": 10,
    })
}

/// The least time without a byte after which a stream is given up, s.
const MIN_IDLE_S: u64 = 600;

/// What all tries may take together is silence to the client, and Envoy must not end it before the policy does. Each try may
/// be made once more on a fresh connection, but one that gets this far has failed early. A minute is for what lies between.
fn idle_timeout_s(compiled: &Compiled) -> u64 {
    let failovers = compiled.document.models.iter().map(|model| &model.failover);
    let silence_ms = failovers.map(|failover| failover.first_byte_timeout_ms.saturating_mul(failover.attempts.into()));
    silence_ms.max().unwrap_or(0).div_ceil(1_000).saturating_add(60).max(MIN_IDLE_S)
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
