//! Renders a compiled policy for a proxy.
//!
//! A renderer is a pure function from the policy to files. It does not read the environment, so no secret can get into a
//! file, and the same policy always gives the same bytes. The `headgate` command writes the files.

mod apisix;
mod bootstrap;
mod cluster;
mod filter;
mod fragments;
mod health;
mod listener;
mod refusal;
mod route;
mod secret;
mod stats;
mod transition;
mod xds;
mod yaml;

pub use apisix::{apisix, apisix_admin, apisix_document, apisix_obstacles};
pub(crate) use cluster::MAX_READ_BYTES;
pub(crate) use filter::{GATE_RESOURCE, stage_set_name};
pub use fragments::fragments;
pub(crate) use listener::idle_timeout_s;
pub(crate) use route::TARGET_STATE;
pub use transition::transition;
pub(crate) use xds::buffer_bytes;
pub use xds::{Module, RenderOptions};

/// JSON pointer to the environment variables of the VMs in the gate's file.
pub const VARIABLES: &str = "/resources/0/typed_config/config/vm_config/environment_variables/host_env_keys";

/// JSON pointer to the native module in the gate's file.
pub const NATIVE_MODULE: &str = "/resources/0/typed_config/dynamic_module_config";

use crate::compile::Compiled;
use std::path::PathBuf;

/// Returns the files for Envoy in the order in which they must be put in place: each file comes after those it refers to.
///
/// The paths are relative to the folder; the contents are JSON and end with a line break.
#[must_use]
pub fn envoy(compiled: &Compiled, options: &RenderOptions) -> Vec<(PathBuf, String)> {
    let mut files = vec![
        ("cds.json", cluster::resources(compiled, options)),
        (filter::GATE_FILE, filter::gate_resources(compiled, options)),
        ("rds.json", route::resources(compiled)),
    ];
    files.extend(secret::files(compiled));
    files.push(("lds.json", listener::resources(compiled, options)));
    files.push(("bootstrap.json", bootstrap::bootstrap(compiled, options)));
    files.into_iter().map(|(path, value)| (PathBuf::from(path), format!("{value:#}\n"))).collect()
}
