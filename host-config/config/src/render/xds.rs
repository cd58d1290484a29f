//! Parts that several of Envoy's files share: options, watched files, addresses, buffer sizes.

use crate::compile::Compiled;
use crate::proxy_settings::Socket;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Settings of a rendering that are not in gateway.yaml.
#[derive(Debug, Clone)]
pub struct RenderOptions {
    /// The folder as the proxy sees it: absolute. In a container it is not the folder that is written to.
    pub root: PathBuf,
    /// The filter.
    pub module: Module,
}

/// The file of the filter as the proxy sees it: absolute.
#[derive(Debug, Clone)]
pub enum Module {
    /// `headgate.wasm`.
    Wasm(PathBuf),
    /// A dynamic module, native code.
    Native(PathBuf),
}

/// Returns a watched file. Its folder is watched too, because Envoy reacts to a rename into the folder.
pub(super) fn watched(options: &RenderOptions, path: &str) -> Value {
    let file = options.root.join(path);
    let folder = file.parent().unwrap_or(&options.root).to_path_buf();
    json!({
        "path_config_source": {"path": file, "watched_directory": {"path": folder}},
        "resource_api_version": "V3",
    })
}

/// Bytes by which the proxy's buffers are larger than the largest request or held answer.
pub(super) const BUFFER_MARGIN: u64 = 1 << 20;

/// Returns the size of the proxy's buffers: the largest body and a little more, so that the filter, which answers with a
/// proper error, rejects a larger one before Envoy does.
pub(crate) fn buffer_bytes(compiled: &Compiled) -> u64 {
    compiled.document.max_request_bytes.saturating_add(BUFFER_MARGIN)
}

/// Type of a listener.
pub(super) const LISTENER_TYPE: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";

/// Returns an address in Envoy's notation.
pub(super) fn address(socket: &Socket) -> Value {
    json!({"socket_address": {"address": socket.address, "port_value": socket.port}})
}
