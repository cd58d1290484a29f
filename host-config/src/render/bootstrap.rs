//! The file Envoy is started with: the admin page, and where the rest comes from.
//!
//! Clusters and listeners come from files of their own, so that a later rendering is taken up without a restart.

use super::{RenderOptions, watched};
use crate::Compiled;
use serde_json::{Value, json};

/// Connections of clients at a time.
const MAX_CLIENT_CONNECTIONS: u32 = 50_000;

pub(super) fn bootstrap(compiled: &Compiled, options: &RenderOptions) -> Value {
    let admin = &compiled.settings.admin;
    json!({
        "node": {"id": "headgate", "cluster": "headgate"},
        "admin": {
            "address": {"socket_address": {"address": admin.address, "port_value": admin.port}},
        },
        "dynamic_resources": {
            "cds_config": watched(options, "cds.json"),
            "lds_config": watched(options, "lds.json"),
        },
        // Open files are finite. Envoy warns at every start when nothing bounds them.
        "overload_manager": {"resource_monitors": [{
            "name": "envoy.resource_monitors.global_downstream_max_connections",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                "max_active_downstream_connections": MAX_CLIENT_CONNECTIONS,
            },
        }]},
    })
}
