//! Renders a policy for Apache APISIX in its standalone mode: the filter as a global rule, a route with `ai-proxy-multi` for each
//! alias and API, and the part of `config.yaml` that the filter needs.

mod lua;
mod obstacles;
mod record_logger;
mod routes;

use crate::compile::Compiled;
use crate::proxy_settings::Upstream;
use crate::scalar::host_in_url;
use headgate_policy::document::{Document, IdentitySource};
use lua::CHUNK_SHIM;
pub use obstacles::apisix_obstacles;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Plugins of APISIX that the rendered rules use.
const PLUGINS: [&str; 5] =
    ["proxy-rewrite", "serverless-pre-function", "serverless-post-function", "ai-proxy-multi", "http-logger"];
/// Paths of the two APIs. Others are not the gateway's business.
const PATHS: &str = "^/v1/";
/// Place of the filter in the order of APISIX: above `ai-proxy-multi` (1041), below the plugins that authenticate.
const FILTER_PRIORITY: u32 = 1_100;
/// Above all plugins that authenticate: the client's own value of their header goes before they set theirs.
const STRIP_PRIORITY: u32 = 3_000;

/// Returns the policy document as the filter gets it in APISIX: calls name addresses instead of clusters.
#[must_use]
pub fn apisix_document(compiled: &Compiled) -> Document {
    let mut document = compiled.document.clone();
    let upstreams = &compiled.settings.upstreams;
    let address = |cluster: &str| upstreams.iter().find(|one| one.cluster == cluster).map(origin);
    for (provider, upstream) in document.providers.iter_mut().zip(upstreams) {
        provider.origin = Some(origin(upstream));
    }
    if let Some(collector) = &mut document.collector {
        collector.cluster = address(&collector.cluster).unwrap_or_default();
    }
    for external in document.guardrails.iter_mut().filter_map(|guardrail| guardrail.external.as_mut()) {
        external.cluster = address(&external.cluster).unwrap_or_default();
    }
    document
}

fn origin(upstream: &Upstream) -> String {
    let scheme = if upstream.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{}:{}", host_in_url(&upstream.host), upstream.port)
}

/// Returns the files for APISIX: `config.yaml`, to be merged into the operator's own, and `apisix.yaml`. Both are JSON, which is YAML
/// too. `wasm` is the module as APISIX finds it.
#[must_use]
pub fn apisix(compiled: &Compiled, wasm: &Path) -> Vec<(PathBuf, String)> {
    let config = format!("{:#}\n", config(compiled, wasm));
    // Without this last line APISIX takes the file for half written.
    let rules = format!("{:#}\n#END\n", rules(compiled));
    vec![("config.yaml".into(), config), ("apisix.yaml".into(), rules)]
}

/// Returns the files for an APISIX that is configured by its Admin API: `config.yaml`, to be merged, and a JSON document for each resource,
/// whose path is that of the resource below the API's address.
#[must_use]
pub fn apisix_admin(compiled: &Compiled, wasm: &Path) -> Vec<(PathBuf, String)> {
    let mut config = config(compiled, wasm);
    // Who keeps the configuration is the operator's choice.
    config.as_object_mut().map(|members| members.remove("deployment"));
    let mut files = vec![("config.yaml".into(), format!("{config:#}\n"))];
    let rules = rules(compiled);
    // A route is refused before the upstream that it names is there.
    for kind in ["upstreams", "global_rules", "routes"] {
        for resource in rules.get(kind).and_then(Value::as_array).into_iter().flatten() {
            let mut document = resource.clone();
            let id = document.as_object_mut().and_then(|members| members.remove("id"));
            let id = id.as_ref().and_then(Value::as_str).unwrap_or_default();
            files.push((format!("apisix/admin/{kind}/{id}").into(), format!("{document:#}\n")));
        }
    }
    files
}

fn config(compiled: &Compiled, wasm: &Path) -> Value {
    let mut variables: Vec<String> = compiled.settings.environment_variables.iter().cloned().collect();
    variables.extend(routes::variables(&compiled.document));
    variables.extend(record_logger::variable(&compiled.document));
    variables.sort();
    variables.dedup();
    json!({
        "deployment": {"role": "data_plane", "role_data_plane": {"config_provider": "yaml"}},
        "nginx_config": {
            // Lines of a lower level print configurations whole.
            "error_log_level": "warn",
            "envs": variables,
            "http_server_location_configuration_snippet": snippet(&compiled.document),
        },
        "plugins": PLUGINS,
        "wasm": {"plugins": [{"name": "headgate", "priority": FILTER_PRIORITY, "file": wasm}]},
    })
}

/// Returns the lines for nginx: the variables of the filter. One that is not there sends the record another way.
fn snippet(document: &Document) -> String {
    let mut lines = "postpone_output 0;\nset $headgate_request_body '';\nset $headgate_response_chunk '';\n".to_owned();
    if document.collector.is_some() {
        lines.push_str(record_logger::DECLARATION);
    }
    lines
}

fn rules(compiled: &Compiled) -> Value {
    let document = apisix_document(compiled);
    let conf = serde_json::to_string(&document).unwrap_or_default();
    let filter = json!([["uri", "~~", PATHS]]);
    let mut plugins = json!({
        "headgate": {"_meta": {"filter": filter}, "conf": conf},
        "serverless-post-function": {
            "_meta": {"filter": filter},
            "phase": "body_filter",
            "functions": [CHUNK_SHIM],
        },
    });
    if let (Some(name), Some(all)) = (identity_header(&document), plugins.as_object_mut()) {
        let strip = json!({"_meta": {"priority": STRIP_PRIORITY}, "headers": {"remove": [name]}});
        all.insert("proxy-rewrite".to_owned(), strip);
    }
    if let (Some(logger), Some(all)) = (record_logger::plugin(&document, &filter), plugins.as_object_mut()) {
        all.insert("http-logger".to_owned(), logger);
    }
    json!({
        "global_rules": [{"id": "headgate", "plugins": plugins}],
        "routes": routes::routes(compiled),
        "upstreams": [{"id": "headgate-none", "type": "roundrobin", "nodes": {"127.0.0.1:9": 1}}],
    })
}

/// Returns the header in which a plugin of APISIX tells the name of the caller.
fn identity_header(document: &Document) -> Option<&str> {
    match &document.identity.as_ref()?.source {
        IdentitySource::Header(name) => Some(name),
        IdentitySource::JwtClaim(_) | IdentitySource::Certificate(_) => None,
    }
}
