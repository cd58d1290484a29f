//! Renders the filter, as gate in the listener and as attempt in each provider's cluster.
//!
//! In WebAssembly both are one plugin in one VM per worker: Envoy shares a VM between plugins whose id, code and environment are equal.
//! A dynamic module is loaded once from a file, however often it is named. So the state of an attempt reaches the request's record.

use super::xds::{Module, RenderOptions};
use crate::compile::Compiled;
use serde_json::{Value, json};
use std::path::Path;

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const WASM_LOG: &str = "type.googleapis.com/envoy.extensions.access_loggers.wasm.v3.WasmAccessLog";
const NATIVE: &str = "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter";
const NATIVE_LOG: &str =
    "type.googleapis.com/envoy.extensions.access_loggers.dynamic_modules.v3.DynamicModuleAccessLog";

/// Returns the type of the filter's configuration.
pub(super) fn type_url(options: &RenderOptions) -> &'static str {
    match options.module {
        Module::Wasm(_) => WASM,
        Module::Native(_) => NATIVE,
    }
}

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
pub(super) fn log(compiled: &Compiled, options: &RenderOptions, root_id: &str, condition: &Value) -> Value {
    let (name, config) = match &options.module {
        Module::Wasm(file) => {
            let mut log = wasm(compiled, file, &format!("headgate-{root_id}"), root_id, "{}".to_owned());
            if let Some(fields) = log.as_object_mut() {
                fields.insert("@type".to_owned(), json!(WASM_LOG));
            }
            ("envoy.access_loggers.wasm", log)
        }
        Module::Native(file) => (
            "envoy.access_loggers.dynamic_modules",
            json!({"@type": NATIVE_LOG, "dynamic_module_config": native_module(file), "logger_name": root_id}),
        ),
    };
    match condition {
        Value::Null => json!({"name": name, "typed_config": config}),
        condition => json!({"name": name, "filter": condition, "typed_config": config}),
    }
}

fn filter(compiled: &Compiled, options: &RenderOptions, name: &str, root_id: &str, configuration: String) -> Value {
    match &options.module {
        Module::Wasm(file) => wasm(compiled, file, name, root_id, configuration),
        Module::Native(file) => json!({
            "@type": NATIVE,
            "dynamic_module_config": native_module(file),
            "filter_name": root_id,
            "filter_config": text(configuration),
        }),
    }
}

/// Returns a module in a local file: a remote one that cannot be fetched would be left out of the filters without a word. The file stays
/// loaded, since it has the records that are on their way.
fn native_module(file: &Path) -> Value {
    json!({
        "name": "headgate",
        "module": {"local": {"filename": file}},
        "do_not_close": true,
        "metrics_namespace": super::stats::NATIVE_NAMESPACE,
    })
}

fn text(value: String) -> Value {
    json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": value})
}

fn wasm(compiled: &Compiled, file: &Path, name: &str, root_id: &str, configuration: String) -> Value {
    json!({
        "@type": WASM,
        "config": {
            "name": name,
            "root_id": root_id,
            "vm_config": {
                "vm_id": VM_ID,
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": file}},
                "environment_variables": {"host_env_keys": compiled.settings.environment_variables},
            },
            "configuration": text(configuration),
            // A VM that trapped is replaced for the next request. Otherwise the worker would answer 503 from then on.
            "failure_policy": "FAIL_RELOAD",
            "reload_config": {"backoff": {"base_interval": "0.1s", "max_interval": "1s"}},
            // The gate holds the headers until it has read the body.
            "allow_on_headers_stop_iteration": true,
        },
    })
}
