//! Bare Envoy's own configuration with one filter of Headgate in it, which leaves the routing to Envoy: each stage alone, and
//! all together.

use crate::Outcome;
use crate::bootstrap::{bootstrap, socket};
use crate::children::free_address;
use crate::variant::{GUARDRAILS, Site, Variant};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

const POLICY: &str = include_str!("../proxied.yaml");
const KEYS: &str = "keys:\n  - {id: bench, sha256: e010496600f1255599d351c5be64b32f4c5fe23e633147dd2fc4921f5364ca50, owner: erika, team: search}\n";

/// A variant of the benchmark.
pub(crate) struct Proxied {
    pub(crate) name: &'static str,
    stages: &'static str,
    added: &'static [&'static str],
    /// Whether its requests leave records.
    logs: bool,
}

/// All variants.
pub(crate) const ALL: [Proxied; 4] = [
    Proxied { name: "logging alone", stages: "stages: [logging]\n", added: &[], logs: true },
    Proxied {
        name: "limits alone",
        stages: "stages: [limits]\n",
        added: &[include_str!("../limits/five.yaml")],
        logs: false,
    },
    Proxied { name: "guardrails alone", stages: "stages: [guardrails]\n", added: &[GUARDRAILS], logs: false },
    Proxied {
        name: "proxy routes",
        stages: "routing: proxy\n",
        added: &[KEYS, include_str!("../limits/five.yaml")],
        logs: true,
    },
];

impl Site<'_> {
    /// Starts bare Envoy with a gate; returns none if Headgate was not given.
    pub(crate) fn proxied(&self, of: &Proxied) -> Outcome<Option<Variant>> {
        let (Some(command), Some(wasm)) = (&self.args.headgate, &self.args.wasm) else { return Ok(None) };
        let added: String = [of.stages].iter().chain(of.added).copied().collect();
        let policy = format!("{POLICY}{added}")
            .replace("@COLLECTOR@", &self.collector.to_string())
            .replace("@VARIANT@", &of.name.replace(' ', "-"));
        let (file, out) = (self.scratch.path(&format!("{}.yaml", of.name)), self.scratch.path(of.name));
        std::fs::write(&file, policy)?;
        let mut render = Command::new(command);
        render.args(["render", "envoy", "--fragments"]).arg(&file).arg("--out").arg(&out).arg("--wasm").arg(wasm);
        if !render.status().map_err(|error| format!("{}: {error}", command.display()))?.success() {
            return Err("headgate render envoy --fragments failed".into());
        }
        let listen = free_address()?;
        let bootstrap = with_gate(bootstrap(listen, self.provider, None), &out, self.collector);
        let file = self.scratch.path(&format!("{}.json", of.name));
        std::fs::write(&file, bootstrap.to_string())?;
        let variant = self.start(of.name, listen, &file)?;
        Ok(Some(variant.with_records(of.logs)))
    }
}

/// Puts the gate before the router, and the collector beside the provider.
fn with_gate(mut bootstrap: Value, out: &Path, collector: SocketAddr) -> Value {
    let filters = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    if let Some(filters) = bootstrap.pointer_mut(filters).and_then(Value::as_array_mut) {
        filters.insert(0, gate(out));
    }
    if let Some(clusters) = bootstrap.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut) {
        clusters.push(json!({
            "name": "headgate_collector",
            "type": "STATIC",
            "connect_timeout": "5s",
            "load_assignment": {
                "cluster_name": "headgate_collector",
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(collector)}}]}],
            },
        }));
    }
    bootstrap
}

/// The filter of `http-filter.yaml`, on for all routes.
fn gate(out: &Path) -> Value {
    json!({
        "name": "headgate-gate",
        "config_discovery": {
            "config_source": {
                "path_config_source": {"path": out.join("ecds/headgate-gate.json")},
                "resource_api_version": "V3",
            },
            "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
        },
    })
}
