//! Renders the parts of Headgate for an Envoy that somebody else configured: one file for each place.
//!
//! The gate is off wherever no route turns it on, so requests of other routes do not enter the VM. The policy stays in a
//! watched file of its own: a later rendering puts a new one in force without a change of the operator's files.

use super::xds::{RenderOptions, buffer_bytes};
use super::yaml::yaml;
use super::{cluster, filter, listener, route, stats};
use crate::compile::Compiled;
use headgate_policy::document::{Stage, Stages};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Returns the files in the order in which they are needed: the policy, and the YAML to paste.
#[must_use]
pub fn fragments(compiled: &Compiled, options: &RenderOptions) -> Vec<(PathBuf, String)> {
    let policy = (PathBuf::from(filter::GATE_FILE), format!("{:#}\n", filter::gate_resources(compiled, options)));
    let mut pasted = vec![
        ("clusters.yaml".to_owned(), CLUSTERS, clusters(compiled, options)),
        ("http-filter.yaml".to_owned(), HTTP_FILTER, filters(compiled, options)),
    ];
    if gates(compiled).any(|(_, stages)| stages.has(Stage::Routing)) {
        pasted.push(("router.yaml".to_owned(), ROUTER, json!([listener::router(compiled, options)])));
    }
    pasted.extend(gates(compiled).map(|(set, stages)| route_of(compiled, set, stages)));
    if let Some(header) = compiled.settings.early_stripped_header.as_deref() {
        pasted.push(("early-header-mutation.yaml".to_owned(), STRIP, strip(header)));
    }
    pasted.push((
        "listener.yaml".to_owned(),
        LISTENER,
        json!({"per_connection_buffer_limit_bytes": buffer_bytes(compiled)}),
    ));
    pasted.push(("stats.yaml".to_owned(), STATS, json!({"stats_config": stats::config(options)})));
    // A proxy that routes to its own clusters may need none of ours.
    let is_needed = |(_, _, value): &(String, &str, Value)| value.as_array().is_none_or(|list| !list.is_empty());
    let pasted = pasted.into_iter().filter(is_needed);
    let pasted = pasted.map(|(path, about, value)| (PathBuf::from(path), format!("{about}{}", yaml(&value))));
    [policy].into_iter().chain(pasted).collect()
}

/// Returns the gates: the policy's own, then those of its stage sets.
fn gates(compiled: &Compiled) -> impl Iterator<Item = (Option<&str>, Stages)> {
    let document = &compiled.document;
    let sets = document.stage_sets.iter().map(|(name, stages)| (Some(name.as_str()), *stages));
    [(None, document.stages)].into_iter().chain(sets)
}

fn filters(compiled: &Compiled, options: &RenderOptions) -> Value {
    let sets = compiled.document.stage_sets.keys().map(|set| filter::stage_set(compiled, options, set));
    [gate(options)].into_iter().chain(sets).collect()
}

/// Returns the file for the routes of a gate: a route, or what a route of the operator needs.
fn route_of(compiled: &Compiled, set: Option<&str>, stages: Stages) -> (String, &'static str, Value) {
    let (filter, end) = match set {
        None => (filter::GATE_RESOURCE.to_owned(), String::new()),
        Some(set) => (filter::stage_set_name(set), format!("-{set}")),
    };
    match stages.has(Stage::Routing) {
        true => (format!("route{end}.yaml"), ROUTE, json!([route(compiled, &filter)])),
        false => (format!("route-switch{end}.yaml"), SWITCH, json!({"typed_per_filter_config": switch(&filter)})),
    }
}

/// Returns the setting by which a route turns on a filter.
fn switch(filter: &str) -> Value {
    json!({filter: {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}}})
}

/// Returns the rule that removes a header from the requests of clients, before any filter sees it.
fn strip(header: &str) -> Value {
    json!({"early_header_mutation_extensions": [{
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [{"remove": header}],
        },
    }]})
}

const CLUSTERS: &str = "\
# Into `static_resources.clusters` of the bootstrap. In a CDS file these are `resources`, each with
# `\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster`.
# Two clusters for each provider to which the gateway routes, each with the attempt filter; the collector; external
# checks of guardrails.
";

const HTTP_FILTER: &str = "\
# Into `http_filters` of the HTTP connection manager, as the last filter before the router. Filters that change bodies
# or authenticate go before it. It is off, except on routes that turn it on: see route.yaml.
# Envoy reads the policy from the watched file; `headgate render envoy --fragments` writes a new one in its place. For
# that Envoy needs a node with an id and a cluster, in the bootstrap or by `--service-node` and `--service-cluster`.
";

const ROUTER: &str = "\
# In `http_filters`, in place of the router. `upstream_log` tells the filter of tries that a provider has reset.
";

const ROUTE: &str = "\
# Into `routes` of the virtual host for LLM requests, before every route that matches the same paths. Change `match` to
# your paths; the gateway serves `/v1/chat/completions`, `/v1/messages` and so on below it, so do not rewrite the prefix.
";

const SWITCH: &str = "\
# Into each of your LLM routes, or into a virtual host with nothing else: this turns the filter on. The route leads to a
# cluster that gateway.yaml names under `clusters` of a provider.
";

const STRIP: &str = "\
# Into the HTTP connection manager, beside `http_filters`. Without it clients can send the header themselves.
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
fn route(compiled: &Compiled, filter: &str) -> Value {
    let mut route = route::route(compiled);
    if let Some(fields) = route.as_object_mut() {
        fields.insert("match".to_owned(), json!({"prefix": "/v1/"}));
        fields.insert("request_body_buffer_limit".to_owned(), json!(buffer_bytes(compiled)));
        fields.insert("typed_per_filter_config".to_owned(), switch(filter));
        // The router of this Envoy may be told to add the other two.
        let removed = [route::NOT_FOR_PROVIDERS, "x-envoy-attempt-count", "x-envoy-expected-rq-timeout-ms"];
        fields.insert("request_headers_to_remove".to_owned(), json!(removed));
    }
    if let Some(Value::Object(action)) = route.get_mut("route") {
        action.insert("idle_timeout".to_owned(), json!(format!("{}s", listener::idle_timeout_s(compiled))));
    }
    route
}
