//! The filter, as gate in the listener and as attempt in each provider's cluster.
//!
//! Both are one plugin in one VM per worker: Envoy shares a VM between plugins whose id, code and environment are
//! equal, and that is how what an attempt saw reaches the request's record.

use super::RenderOptions;
use crate::Compiled;
use serde_json::{Value, json};

/// Type of the filter's configuration.
pub(super) const TYPE_URL: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/// Name of the gate's resource.
pub(super) const GATE_RESOURCE: &str = "headgate-gate";

/// File of the gate's resource.
pub(super) const GATE_FILE: &str = "ecds/headgate-gate.json";

const VM_ID: &str = "headgate";

/// The gate, its configuration being the policy document.
pub(super) fn gate_resources(compiled: &Compiled, options: &RenderOptions) -> Value {
    json!({"resources": [{
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": GATE_RESOURCE,
        "typed_config": filter(compiled, options, GATE_RESOURCE, "gate", compiled.document_json()),
    }]})
}

/// The attempt of one provider.
pub(super) fn attempt(compiled: &Compiled, options: &RenderOptions, provider: &str) -> Value {
    let configuration = json!({"provider": provider}).to_string();
    json!({
        "name": "headgate-attempt",
        "typed_config": filter(compiled, options, "headgate-attempt", "attempt", configuration),
    })
}

/// The gate's access log, for streams that no gate was made for. Its root has no policy of its own: it takes the gate's.
pub(super) fn log(compiled: &Compiled, options: &RenderOptions) -> Value {
    let mut log = filter(compiled, options, "headgate-log", "log", "{}".to_owned());
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
            // A VM that trapped is replaced for the next request; without this the worker answers 503 for good.
            "failure_policy": "FAIL_RELOAD",
            "reload_config": {"backoff": {"base_interval": "0.1s", "max_interval": "1s"}},
            // The gate holds the headers until it has read the body.
            "allow_on_headers_stop_iteration": true,
        },
    })
}
