//! Renders a compiled policy for a proxy.
//!
//! A renderer is a pure function from the policy to files: nothing here reads the environment, so no secret can get
//! into a file, and the same policy always gives the same bytes. Writing them is [`crate::deploy`]'s business.

mod bootstrap;
mod bridge;
mod cluster;
mod listener;
mod refusal;
mod route;
mod wasm;

pub use bridge::bridge;

/// Where the gate's file names the environment variables of its VMs.
pub(crate) const VARIABLES: &str = "/resources/0/typed_config/config/vm_config/environment_variables/host_env_keys";

use crate::Compiled;
use serde_json::Value;
use std::path::PathBuf;

/// What the renderer cannot know from gateway.yaml.
#[derive(Debug, Clone)]
pub struct RenderOptions {
    /// The folder as the proxy will see it: absolute. In a container this is not the folder that is written to.
    pub root: PathBuf,
    /// `headgate.wasm` as the proxy will see it: absolute.
    pub wasm: PathBuf,
}

/// Files for Envoy, in the order in which they must be put in place: whatever is referred to comes first.
///
/// The paths are relative to the folder; the contents are JSON and end with a line break.
#[must_use]
pub fn envoy(compiled: &Compiled, options: &RenderOptions) -> Vec<(PathBuf, String)> {
    [
        ("cds.json", cluster::resources(compiled, options)),
        ("ecds/headgate-gate.json", wasm::gate_resources(compiled, options)),
        ("rds.json", route::resources(compiled)),
        ("lds.json", listener::resources(compiled, options)),
        ("bootstrap.json", bootstrap::bootstrap(compiled, options)),
    ]
    .into_iter()
    .map(|(path, value)| (PathBuf::from(path), format!("{value:#}\n")))
    .collect()
}

/// A file that Envoy watches. The folder is watched too: a rename into it is what Envoy takes as a change.
fn watched(options: &RenderOptions, path: &str) -> Value {
    let file = options.root.join(path);
    let folder = file.parent().unwrap_or(&options.root).to_path_buf();
    serde_json::json!({
        "path_config_source": {"path": file, "watched_directory": {"path": folder}},
        "resource_api_version": "V3",
    })
}

/// Proxy buffers: the largest request and a little more, so that the filter, which answers with a proper error, is the
/// one to refuse a larger one.
fn buffer_bytes(compiled: &Compiled) -> u64 {
    compiled.document.max_request_bytes.saturating_add(1 << 20)
}
