//! Renders the parts of Headgate for an Envoy that somebody else configured: one file for each place.
//!
//! The gate is off wherever no route turns it on, so requests of other routes do not enter the VM. The policy stays in a
//! watched file of its own: a later rendering puts a new one in force without a change of the operator's files.

use super::xds::{RenderOptions, buffer_bytes};
use super::yaml::yaml;
use super::{cluster, listener, route, stats, wasm};
use crate::compile::Compiled;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Returns the files in the order in which they are needed: the policy, and the YAML to paste.
#[must_use]
pub fn fragments(compiled: &Compiled, options: &RenderOptions) -> Vec<(PathBuf, String)> {
    let policy = (PathBuf::from(wasm::GATE_FILE), format!("{:#}\n", wasm::gate_resources(compiled, options)));
    let pasted = [
        ("clusters.yaml", CLUSTERS, clusters(compiled, options)),
        ("http-filter.yaml", HTTP_FILTER, json!([gate(options)])),
        ("router.yaml", ROUTER, json!([listener::router(compiled, options)])),
        ("route.yaml", ROUTE, json!([route(compiled)])),
        ("listener.yaml", LISTENER, json!({"per_connection_buffer_limit_bytes": buffer_bytes(compiled)})),
        ("stats.yaml", STATS, json!({"stats_config": stats::config()})),
    ];
    let pasted =
        pasted.into_iter().map(|(path, about, value)| (PathBuf::from(path), format!("{about}{}", yaml(&value))));
    [policy].into_iter().chain(pasted).collect()
}

const CLUSTERS: &str = "\
# Into `static_resources.clusters` of the bootstrap. In a CDS file these are `resources`, each with
# `\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster`.
# Two clusters for each provider, each with the attempt filter; the collector; external checks of guardrails.
";

const HTTP_FILTER: &str = "\
# Into `http_filters` of the HTTP connection manager, as the last filter before the router. Filters that change bodies
# or authenticate go before it. It is off, except on routes that turn it on: see route.yaml.
# Envoy reads the policy from the watched file; `headgate render envoy --fragments` writes a new one in its place.
";

const ROUTER: &str = "\
# In `http_filters`, in place of the router. `upstream_log` tells the filter of tries that a provider has reset.
";

const ROUTE: &str = "\
# Into `routes` of the virtual host for LLM requests, before every route that matches the same paths. Change `match` to
# your paths; the gateway serves `/v1/chat/completions`, `/v1/messages` and so on below it, so do not rewrite the prefix.
";

const LISTENER: &str = "\
# Into the listener with the HTTP connection manager, beside `filter_chains`. Envoy's default of 1 MiB answers larger
# requests with 413.
";

const STATS: &str = "\
# Into the bootstrap, at its top; into `stats_config` that is there already. It gives the metrics of `metrics: true` their
# labels and buckets. Envoy reads it at its start only.
";

/// Returns the clusters without their type, which a bootstrap does not take.
fn clusters(compiled: &Compiled, options: &RenderOptions) -> Value {
    let mut resources = cluster::resources(compiled, options);
    let mut clusters = resources.get_mut("resources").map(Value::take).unwrap_or_default();
    for cluster in clusters.as_array_mut().into_iter().flatten() {
        cluster.as_object_mut().and_then(|fields| fields.remove("@type"));
    }
    clusters
}

fn gate(options: &RenderOptions) -> Value {
    let mut gate = listener::gate(options);
    if let Some(fields) = gate.as_object_mut() {
        fields.insert("disabled".to_owned(), json!(true));
    }
    gate
}

/// Returns the route with the settings that the rendered listener and virtual host have otherwise.
fn route(compiled: &Compiled) -> Value {
    let mut route = route::route(compiled);
    if let Some(fields) = route.as_object_mut() {
        fields.insert("match".to_owned(), json!({"prefix": "/v1/"}));
        fields.insert("request_body_buffer_limit".to_owned(), json!(buffer_bytes(compiled)));
        let on = json!({"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}});
        fields.insert("typed_per_filter_config".to_owned(), json!({wasm::GATE_RESOURCE: on}));
    }
    if let Some(Value::Object(action)) = route.get_mut("route") {
        action.insert("idle_timeout".to_owned(), json!(format!("{}s", listener::idle_timeout_s(compiled))));
    }
    route
}
