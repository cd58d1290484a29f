//! Renders the one route. The filter names the provider, and Envoy asks for it again before every retry.
//!
//! `cluster_header` and the Lua specifier are evaluated once a request, and aggregate clusters skip the filters of their
//! members. The matcher specifier with `refresh_cluster_on_retry` is the only way on stock Envoy to send each attempt
//! elsewhere.

use super::xds::buffer_bytes;
use crate::compile::Compiled;
use crate::proxy_settings::{fresh_cluster, provider_cluster};
use headgate_policy::RETRY_HEADER;
use headgate_policy::document::{fresh_route, most_retries};
use serde_json::{Map, Value, json};

/// Name of the route configuration.
pub(super) const NAME: &str = "headgate";

/// Filter state that the filter writes with `set_property(["headgate_target"], …)`.
pub(crate) const TARGET_STATE: &str = "wasm.headgate_target";

/// A header without which Envoy finds no route, and which no provider is to get. The filter removes the others that tell of the client:
/// each name here costs Envoy a search of the headers of every request.
pub(super) const NOT_FOR_PROVIDERS: &str = "x-forwarded-proto";

/// JSON pointer (RFC 6901) to the providers and their clusters in the route's file.
pub(super) const PROVIDERS: &str = "/resources/0/virtual_hosts/0/routes/0/route/inline_cluster_specifier_plugin\
    /extension/typed_config/cluster_matcher/matcher_tree/exact_match_map/map";

pub(super) fn resources(compiled: &Compiled) -> Value {
    json!({"resources": [{
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": NAME,
        "virtual_hosts": [{
            "name": NAME,
            "domains": ["*"],
            // Only a body that is buffered whole can be sent again.
            "request_body_buffer_limit": buffer_bytes(compiled),
            "routes": [route(compiled)],
        }],
        // The cluster is chosen per request, and the clusters' file is put in place before this one.
        "validate_clusters": false,
    }]})
}

pub(super) fn route(compiled: &Compiled) -> Value {
    json!({
        "name": NAME,
        "match": {"prefix": "/"},
        "route": {
            "inline_cluster_specifier_plugin": cluster_specifier(compiled),
            // The filter bounds each attempt; a stream may run for as long as it flows.
            "timeout": "0s",
            "retry_policy": retry_policy(compiled),
        },
        "request_headers_to_remove": [NOT_FOR_PROVIDERS],
    })
}

fn cluster_specifier(compiled: &Compiled) -> Value {
    let clusters: Map<String, Value> = compiled.document.providers.iter().flat_map(|one| routes(&one.name)).collect();
    json!({"extension": {
        "name": "envoy.router.cluster_specifier_plugin.matcher",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier",
            "cluster_matcher": {"matcher_tree": {
                "input": {
                    "name": "headgate_target",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3.FilterStateInput",
                        "key": TARGET_STATE,
                    },
                },
                "exact_match_map": {"map": clusters},
            }},
        },
    }})
}

fn routes(provider: &str) -> [(String, Value); 2] {
    [
        (provider.to_owned(), choose(&provider_cluster(provider))),
        (fresh_route(provider), choose(&fresh_cluster(provider))),
    ]
}

fn choose(cluster: &str) -> Value {
    json!({"action": {
        "name": "cluster",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction",
            "cluster": cluster,
        },
    }})
}

/// Returns the retries of the alias with the most; the filter lowers them for others with `x-envoy-max-retries`.
fn retry_policy(compiled: &Compiled) -> Value {
    json!({
        "retry_on": "connect-failure,refused-stream,reset,retriable-headers",
        "retriable_headers": [{"name": RETRY_HEADER, "present_match": true}],
        "num_retries": most_retries(&compiled.document.models),
        "refresh_cluster_on_retry": true,
        // The next try goes to another target, which needs no time to recover.
        "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.001s"},
    })
}
