//! Renders the filter, as gate in the listener and as attempt in each provider's cluster.
//!
//! Both are one plugin in one VM per worker: Envoy shares a VM between plugins whose id, code and environment are equal.
//! So the state of an attempt reaches the request's record.

use super::xds::RenderOptions;
use crate::compile::Compiled;
use serde_json::{Value, json};

/// Type of the filter's configuration.
pub(super) const TYPE_URL: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// Name of the gate's resource.
pub(crate) const GATE_RESOURCE: &str = "headgate-gate";

/// File of the gate's resource.
pub(super) const GATE_FILE: &str = "ecds/headgate-gate.json";

const VM_ID: &str = "headgate";

/// Returns the gate. Its configuration is the policy document.
pub(super) fn gate_resources(compiled: &Compiled, options: &RenderOptions) -> Value {
    json!({"resources": [{
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": GATE_RESOURCE,
        "typed_config": filter(compiled, options, GATE_RESOURCE, "gate", compiled.document_json()),
    }]})
}

/// Returns the attempt filter of one provider.
pub(super) fn attempt(compiled: &Compiled, options: &RenderOptions, provider: &str) -> Value {
    let configuration = json!({"provider": provider}).to_string();
    json!({
        "name": "headgate-attempt",
        "typed_config": filter(compiled, options, "headgate-attempt", "attempt", configuration),
    })
}

/// Returns the name of the filter of a stage set.
pub(crate) fn stage_set_name(set: &str) -> String {
    format!("headgate-{set}")
}

/// Returns the gate of a stage set. It has the policy of the first gate.
pub(super) fn stage_set(compiled: &Compiled, options: &RenderOptions, set: &str) -> Value {
    let (name, configuration) = (stage_set_name(set), json!({"stage_set": set}).to_string());
    json!({"name": name, "typed_config": filter(compiled, options, &name, "stages", configuration), "disabled": true})
}

/// Returns an access log of the filter: `log` for streams without a gate, `connections` for connections. It has no policy
/// of its own and uses the gate's.
pub(super) fn log(compiled: &Compiled, options: &RenderOptions, root_id: &str) -> Value {
    let mut log = filter(compiled, options, &format!("headgate-{root_id}"), root_id, "{}".to_owned());
    if let Some(fields) = log.as_object_mut() {
        fields.insert(
            "@type".to_owned(),
            json!("type.googleapis.com/envoy.extensions.access_loggers.wasm.v3.WasmAccessLog"),
        );
    }
    log
}

fn filter(compiled: &Compiled, options: &RenderOptions, name: &str, root_id: &str, configuration: String) -> Value {
    json!({
        "@type": TYPE_URL,
        "config": {
            "name": name,
            "root_id": root_id,
            "vm_config": {
                "vm_id": VM_ID,
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": options.wasm}},
                "environment_variables": {"host_env_keys": compiled.settings.environment_variables},
            },
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": configuration,
            },
            // A VM that trapped is replaced for the next request. Otherwise the worker would answer 503 from then on.
            "failure_policy": "FAIL_RELOAD",
            "reload_config": {"backoff": {"base_interval": "0.1s", "max_interval": "1s"}},
            // The gate holds the headers until it has read the body.
            "allow_on_headers_stop_iteration": true,
        },
    })
}
