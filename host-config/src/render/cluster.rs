//! A cluster per provider, with the attempt in it, and the collector's.

use super::{RenderOptions, buffer_bytes, wasm};
use crate::Compiled;
use crate::settings::Upstream;
use serde_json::{Map, Value, json};

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Envoy lets 1,024 requests and 3 retries at a time through to a cluster and answers 503 to the rest. The gateway's
/// own limits are the operator's to set, so Envoy's are put out of reach.
const OUT_OF_REACH: u32 = 1_000_000;

/// Headers of one answer; all together they have to fit into Envoy's 60 KiB.
const MAX_RESPONSE_HEADERS: u32 = 1_000;

pub(super) fn resources(compiled: &Compiled, options: &RenderOptions) -> Value {
    let clusters: Vec<Value> =
        compiled.settings.upstreams.iter().map(|upstream| cluster(compiled, options, upstream)).collect();
    json!({"resources": clusters})
}

fn cluster(compiled: &Compiled, options: &RenderOptions, upstream: &Upstream) -> Value {
    let mut cluster = json!({
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": upstream.cluster,
        "type": if upstream.is_address() { "STATIC" } else { "LOGICAL_DNS" },
        "connect_timeout": "5s",
        "per_connection_buffer_limit_bytes": buffer_bytes(compiled),
        "circuit_breakers": {"thresholds": [{
            "max_connections": OUT_OF_REACH,
            "max_pending_requests": OUT_OF_REACH,
            "max_requests": OUT_OF_REACH,
            "max_retries": OUT_OF_REACH,
        }]},
        "load_assignment": {
            "cluster_name": upstream.cluster,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {
                "address": upstream.host,
                "port_value": upstream.port,
            }}}}]}],
        },
        "typed_extension_protocol_options": {HTTP_OPTIONS: protocol(compiled, options, upstream)},
    });
    if let Some(fields) = cluster.as_object_mut() {
        name_resolution(fields, upstream);
        transport(fields, upstream);
    }
    cluster
}

/// A logical cluster has one endpoint whose addresses are tried in turn (RFC 8305). A strict one would take each address
/// for an endpoint of its own and send every other request to an IPv6 address that may lead nowhere.
fn name_resolution(fields: &mut Map<String, Value>, upstream: &Upstream) {
    if !upstream.is_address() {
        fields.insert("dns_lookup_family".to_owned(), json!("ALL"));
    }
}

fn transport(fields: &mut Map<String, Value>, upstream: &Upstream) {
    if let Some(ca_file) = &upstream.tls {
        let socket = json!({"name": "envoy.transport_sockets.tls", "typed_config": tls(upstream, ca_file)});
        fields.insert("transport_socket".to_owned(), socket);
    }
}

/// The certificate must be signed by a known authority and name exactly the host that was written in gateway.yaml.
fn tls(upstream: &Upstream, ca_file: &str) -> Value {
    let san_type = if upstream.is_address() { "IP_ADDRESS" } else { "DNS" };
    let mut context = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "validation_context": {
                "trusted_ca": {"filename": ca_file},
                "match_typed_subject_alt_names": [{"san_type": san_type, "matcher": {"exact": upstream.host}}],
            },
        },
    });
    // A server name indication is a DNS name (RFC 6066, section 3).
    if let (false, Some(fields)) = (upstream.is_address(), context.as_object_mut()) {
        fields.insert("sni".to_owned(), json!(upstream.host));
    }
    context
}

fn protocol(compiled: &Compiled, options: &RenderOptions, upstream: &Upstream) -> Value {
    let mut protocol = json!({
        "@type": format!("type.googleapis.com/{HTTP_OPTIONS}"),
        // Envoy takes an answer with more than 100 headers for a broken one. Providers behind several proxies send many.
        "common_http_protocol_options": {"max_headers_count": MAX_RESPONSE_HEADERS},
    });
    let Some(fields) = protocol.as_object_mut() else {
        return protocol;
    };
    // Over TLS the provider chooses between HTTP/2 and HTTP/1.1; without it nothing can be negotiated.
    if upstream.tls.is_some() {
        fields.insert("auto_config".to_owned(), json!({"http_protocol_options": {}, "http2_protocol_options": {}}));
    } else {
        fields.insert("explicit_http_config".to_owned(), json!({"http_protocol_options": {}}));
    }
    if let Some(provider) = &upstream.provider {
        let filters = [wasm::attempt(compiled, options, provider), codec()];
        fields.insert("http_filters".to_owned(), json!(filters));
    }
    protocol
}

fn codec() -> Value {
    json!({
        "name": "envoy.filters.http.upstream_codec",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"},
    })
}
