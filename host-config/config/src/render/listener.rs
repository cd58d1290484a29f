//! Renders the listeners: the addresses for clients, with the gate before the router, and the one for health checks.

use super::filter;
use super::xds::{LISTENER_TYPE, RenderOptions, address, buffer_bytes, watched};
use crate::compile::Compiled;
use serde_json::{Value, json};

pub(super) fn resources(compiled: &Compiled, options: &RenderOptions) -> Value {
    let health = compiled.settings.health.as_ref().map(super::health::listener);
    let listeners: Vec<Value> = [gateway(compiled, options)].into_iter().chain(health).collect();
    json!({"resources": listeners})
}

/// Returns the listener for clients. All its addresses lead to the same gate.
fn gateway(compiled: &Compiled, options: &RenderOptions) -> Value {
    let settings = &compiled.settings;
    let (first, others) =
        settings.listen.split_first().map_or((None, &[][..]), |(first, others)| (Some(first), others));
    let mut chain = json!({"filters": [{
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": connection_manager(compiled, options),
    }]});
    if let (Some(tls), Some(chain)) = (&settings.tls, chain.as_object_mut()) {
        chain.insert("transport_socket".to_owned(), super::secret::transport(tls, options));
        chain.insert("transport_socket_connect_timeout".to_owned(), json!("10s"));
    }
    let mut listener = json!({
        "@type": LISTENER_TYPE,
        "name": "headgate",
        "address": first.map(address),
        "per_connection_buffer_limit_bytes": buffer_bytes(compiled),
        "access_log": [super::refusal::connection_log(compiled, options)],
        "filter_chains": [chain],
    });
    if let (false, Some(fields)) = (others.is_empty(), listener.as_object_mut()) {
        let others: Vec<Value> = others.iter().map(|one| json!({"address": address(one)})).collect();
        fields.insert("additional_addresses".to_owned(), json!(others));
    }
    listener
}

fn connection_manager(compiled: &Compiled, options: &RenderOptions) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "headgate",
        "codec_type": "AUTO",
        "rds": {"route_config_name": super::route::NAME, "config_source": watched(options, "rds.json")},
        // Envoy adds nothing to the request and replaces nothing in the answer.
        "generate_request_id": false,
        "preserve_external_request_id": true,
        "server_header_transformation": "PASS_THROUGH",
        "use_remote_address": true,
        "skip_xff_append": true,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        // A model may think for minutes before its first byte. A client that stalls while sending gets less time.
        "stream_idle_timeout": format!("{}s", idle_timeout_s(compiled)),
        "request_headers_timeout": "30s",
        // Time for the whole request, so that a body sent in trickles does not hold a buffer for ever.
        "request_timeout": "300s",
        // Credentials, tags and trace headers of real clients take a few KiB; the filter copies all of it.
        "max_request_headers_kb": 96,
        "common_http_protocol_options": {
            // The same bound by number, since each header costs more than its bytes.
            "max_headers_count": 100,
            // An idle client keeps its connection for an hour.
            "idle_timeout": "3600s",
        },
        // The filter refuses HTTP/1.0 in the shape of the API that was called. Its requests need no `host`.
        "http_protocol_options": {"accept_http_10": true, "default_host_for_http_10": "headgate"},
        // A bad request resets its own stream, not the connection.
        "http2_protocol_options": http2(),
        "local_reply_config": super::refusal::local_replies(),
        "access_log": [super::refusal::access_log(compiled, options)],
        "http_filters": [gate(options), router(compiled, options)],
    })
}

/// Returns the limits of HTTP/2. A client, or a proxy for many clients, gets enough streams and windows for real use,
/// while floods of frames cannot take much memory or time. The last four are Envoy's defaults, written down because
/// security depends on them.
fn http2() -> Value {
    json!({
        "override_stream_error_on_invalid_http_message": true,
        // Concurrent streams of one connection.
        "max_concurrent_streams": 256,
        // Bytes that a client may send before they are read. Further bytes of an upload wait at the client.
        "initial_stream_window_size": 1 << 20,
        "initial_connection_window_size": 16 << 20,
        // Queued frames for a client that does not read.
        "max_outbound_frames": 10_000,
        // PING, SETTINGS and RST_STREAM frames among these, which cost a client nothing.
        "max_outbound_control_frames": 1_000,
        // Frames without content.
        "max_consecutive_inbound_frames_with_empty_payload": 1,
        "max_inbound_priority_frames_per_stream": 100,
        "max_inbound_window_update_frames_per_data_frame_sent": 10,
    })
}

/// Shortest time without a byte after which a stream is reset, s.
const MIN_IDLE_S: u64 = 600;

/// Returns the longest silence that a policy allows, so that Envoy does not end a request earlier: the time of all tries,
/// and a minute more. A try that is repeated on a fresh connection has failed early and needs no time of its own.
pub(crate) fn idle_timeout_s(compiled: &Compiled) -> u64 {
    let failovers = compiled.document.models.iter().map(|model| &model.failover);
    let silence_ms = failovers.map(|failover| failover.first_byte_timeout_ms.saturating_mul(failover.attempts.into()));
    silence_ms.max().unwrap_or(0).div_ceil(1_000).saturating_add(60).max(MIN_IDLE_S)
}

/// The gate comes through extension discovery: a new policy then replaces it without a new listener, and clients keep
/// their connections.
pub(super) fn gate(options: &RenderOptions) -> Value {
    json!({
        "name": filter::GATE_RESOURCE,
        "config_discovery": {
            "config_source": watched(options, filter::GATE_FILE),
            "type_urls": [filter::type_url(options)],
        },
    })
}

pub(super) fn router(compiled: &Compiled, options: &RenderOptions) -> Value {
    json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            "suppress_envoy_headers": true,
            "upstream_log": [super::refusal::reset_log(compiled, options)],
        },
    })
}
