//! Renders the clusters of providers, with their attempt filters, of the collector, and of external checks.

use super::filter;
use super::xds::{BUFFER_MARGIN, RenderOptions};
use crate::compile::Compiled;
use crate::proxy_settings::{Upstream, fresh_cluster};
use serde_json::{Map, Value, json};

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Envoy's defaults are 1,024 requests and 3 retries at a time per cluster, and 503 beyond. The gateway has limits of its
/// own, so Envoy's are set out of reach.
const OUT_OF_REACH: u32 = 1_000_000;

/// Name of a cluster without an endpoint. It replaces hosts that do not resolve.
const NOBODY: &str = "headgate_nobody";

/// Time for which a connection to a provider may be idle. Many servers close theirs after 5 s (uvicorn, and so vLLM;
/// Node.js). A request that is sent at that moment is lost, so the proxy closes first.
const IDLE_TIMEOUT: &str = "4s";

/// Largest number of headers in an answer. All together they must fit into Envoy's 60 KiB.
const MAX_RESPONSE_HEADERS: u32 = 1_000;

/// Largest number of bytes that the proxy takes from a provider's connection at once, and so the largest chunk of an answer
/// that the filter sees. It is half of the margin of the proxy's buffer: of an answer that is held, Envoy buffers each
/// chunk before the filter sees it, and a buffer that is full ends the answer with 500 past all filters.
pub(crate) const MAX_READ_BYTES: u64 = BUFFER_MARGIN / 2;

pub(super) fn resources(compiled: &Compiled, options: &RenderOptions) -> Value {
    let upstreams = &compiled.settings.upstreams;
    let mut clusters: Vec<Value> =
        upstreams.iter().flat_map(|upstream| clusters(compiled, options, upstream)).collect();
    if upstreams.iter().any(|upstream| upstream.provider.is_some() && !upstream.is_address()) {
        clusters.push(nobody());
    }
    json!({"resources": clusters})
}

/// Returns the two clusters of a provider: one that keeps its connections, and one whose connections serve one request
/// each, for a request that was lost on a kept connection.
fn clusters(compiled: &Compiled, options: &RenderOptions, upstream: &Upstream) -> Vec<Value> {
    let cluster = Cluster { compiled, options, upstream };
    let Some(provider) = &upstream.provider else {
        return vec![cluster.endpoint(&upstream.cluster, &json!({}), false)];
    };
    let kept = json!({"idle_timeout": IDLE_TIMEOUT});
    let fresh = json!({"idle_timeout": IDLE_TIMEOUT, "max_requests_per_connection": 1});
    [(upstream.cluster.clone(), kept), (fresh_cluster(provider), fresh)]
        .into_iter()
        .flat_map(|(name, connections)| cluster.of_provider(&name, &connections))
        .collect()
}

struct Cluster<'a> {
    compiled: &'a Compiled,
    options: &'a RenderOptions,
    upstream: &'a Upstream,
}

impl Cluster<'_> {
    /// If a cluster has no host, Envoy answers before any filter of it runs, and tries no other target. So a name that may
    /// not resolve is a member of an aggregate whose second member refuses connections: the attempt then runs, fails to
    /// connect, and the next target is tried. An aggregate runs its own filters, not those of its members.
    fn of_provider(&self, name: &str, connections: &Value) -> Vec<Value> {
        if self.upstream.is_address() {
            return vec![self.endpoint(name, connections, true)];
        }
        let hosts = format!("dns.{name}");
        let mut aggregate = self.base(name, connections, true);
        if let Some(fields) = aggregate.as_object_mut() {
            fields.insert("lb_policy".to_owned(), json!("CLUSTER_PROVIDED"));
            fields.insert(
                "cluster_type".to_owned(),
                json!({
                    "name": "envoy.clusters.aggregate",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
                        "clusters": [hosts, NOBODY],
                    },
                }),
            );
            // Not used, as the members have their own. Without it Envoy rejects the choice between HTTP/2 and HTTP/1.1.
            transport(fields, self.upstream);
        }
        vec![self.endpoint(&hosts, connections, false), aggregate]
    }

    /// Returns a cluster that contains the upstream's host.
    fn endpoint(&self, name: &str, connections: &Value, attempts: bool) -> Value {
        let upstream = self.upstream;
        let mut cluster = self.base(name, connections, attempts);
        if let Some(fields) = cluster.as_object_mut() {
            let address = json!({"socket_address": {"address": upstream.host, "port_value": upstream.port}});
            fields.insert("load_assignment".to_owned(), assignment(name, &address));
            name_resolution(fields, upstream);
            transport(fields, upstream);
        }
        cluster
    }

    fn base(&self, name: &str, connections: &Value, attempts: bool) -> Value {
        json!({
            "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            "name": name,
            // Envoy takes the text before the first dot of a name for the label of its statistics.
            "alt_stat_name": name.replace('.', "_"),
            "connect_timeout": "5s",
            "per_connection_buffer_limit_bytes": MAX_READ_BYTES,
            "circuit_breakers": {"thresholds": [{
                "max_connections": OUT_OF_REACH,
                "max_pending_requests": OUT_OF_REACH,
                "max_requests": OUT_OF_REACH,
                "max_retries": OUT_OF_REACH,
            }]},
            "typed_extension_protocol_options": {HTTP_OPTIONS: self.protocol(connections, attempts)},
        })
    }

    fn protocol(&self, connections: &Value, attempts: bool) -> Value {
        // Envoy's default is 100 headers in an answer. Providers behind several proxies send more.
        let mut common = json!({"max_headers_count": MAX_RESPONSE_HEADERS});
        if let (Some(common), Some(options)) = (common.as_object_mut(), connections.as_object()) {
            common.extend(options.clone());
        }
        let mut protocol =
            json!({"@type": format!("type.googleapis.com/{HTTP_OPTIONS}"), "common_http_protocol_options": common});
        let Some(fields) = protocol.as_object_mut() else {
            return protocol;
        };
        // Over TLS the provider chooses between HTTP/2 and HTTP/1.1; without TLS nothing can be negotiated.
        if self.upstream.tls.is_some() {
            fields.insert("auto_config".to_owned(), json!({"http_protocol_options": {}, "http2_protocol_options": {}}));
        } else {
            fields.insert("explicit_http_config".to_owned(), json!({"http_protocol_options": {}}));
        }
        if let (Some(provider), true) = (&self.upstream.provider, attempts) {
            let filters = [filter::attempt(self.compiled, self.options, provider), codec()];
            fields.insert("http_filters".to_owned(), json!(filters));
        }
        protocol
    }
}

/// Returns the cluster without an endpoint. It names a listener inside the proxy that does not exist: connecting fails
/// at once without a socket, so no credential can leave the proxy.
fn nobody() -> Value {
    let address = json!({"envoy_internal_address": {"server_listener_name": NOBODY}});
    json!({
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": NOBODY,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": assignment(NOBODY, &address),
    })
}

fn assignment(cluster: &str, address: &Value) -> Value {
    json!({
        "cluster_name": cluster,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
    })
}

/// A logical cluster has one endpoint whose addresses are tried in turn (RFC 8305). A strict one would treat each address
/// as an endpoint of its own, and send every other request to an IPv6 address that may not be reachable.
fn name_resolution(fields: &mut Map<String, Value>, upstream: &Upstream) {
    if upstream.is_address() {
        fields.insert("type".to_owned(), json!("STATIC"));
        return;
    }
    fields.insert("type".to_owned(), json!("LOGICAL_DNS"));
    fields.insert("dns_lookup_family".to_owned(), json!("ALL"));
}

fn transport(fields: &mut Map<String, Value>, upstream: &Upstream) {
    if let Some(ca_file) = &upstream.tls {
        let socket = json!({"name": "envoy.transport_sockets.tls", "typed_config": tls(upstream, ca_file)});
        fields.insert("transport_socket".to_owned(), socket);
    }
}

/// Returns the TLS settings: a known authority must sign the certificate, and it must name exactly the host of the URL.
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

fn codec() -> Value {
    json!({
        "name": "envoy.filters.http.upstream_codec",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"},
    })
}
