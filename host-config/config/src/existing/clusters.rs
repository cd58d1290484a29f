//! Checks that each provider of the policy has its clusters, with the attempt filter in them.

use super::find::{Found, Object, role};
use super::findings::Findings;
use super::needs::Needs;
use super::values::{at, extension, number, text};
use crate::proxy_settings::{COLLECTOR_CLUSTER, fresh_cluster, provider_cluster};
use crate::tree::Node;

const REMEDY: &str = "add the clusters of `clusters.yaml`; if they are in another file, name it with `--envoy` too";

/// Largest number of names in one problem.
const SHOWN: usize = 8;

/// Envoy's largest number of retries at a time in a cluster.
const ENVOYS_RETRIES: u64 = 3;

pub(super) fn check(found: &Found<'_>, needs: &Needs<'_>, findings: &mut Findings) {
    let named = |name: &str| found.clusters.iter().find(|cluster| text(cluster.node, "name") == Some(name));
    let mut missing = Vec::new();
    for provider in needs.compiled.document.providers.iter().filter(|_| needs.routes) {
        for name in [provider_cluster(&provider.name), fresh_cluster(&provider.name)] {
            match named(&name) {
                None => missing.push(format!("`{name}`")),
                Some(cluster) => one(cluster, findings),
            }
        }
    }
    if needs.compiled.document.collector.is_some() && named(COLLECTOR_CLUSTER).is_none() {
        missing.push(format!("`{COLLECTOR_CLUSTER}`"));
    }
    if !missing.is_empty() {
        let more = if missing.len() > SHOWN { " and others" } else { "" };
        missing.truncate(SHOWN);
        findings.error(&found.start, &format!("clusters are missing: {}{more}", missing.join(", ")), REMEDY);
    }
}

fn one(cluster: &Object<'_>, findings: &mut Findings) {
    let options = at(cluster.node, "typed_extension_protocol_options").map_or(&[][..], Node::entries);
    let filters = options.iter().find_map(|options| at(&options.value, "http_filters")).map_or(&[][..], Node::items);
    let attempt = filters.iter().position(|filter| role(filter) == Some("attempt"));
    let codec = filters.iter().position(|filter| extension(filter).contains(".http.upstream_codec"));
    if attempt.is_none() || codec < attempt {
        findings.error(
            &cluster.place,
            "requests leave without the attempt filter, which sets the provider's credential and model",
            "copy `typed_extension_protocol_options` from `clusters.yaml`",
        );
    }
    let retries = at(cluster.node, "circuit_breakers.thresholds").map_or(&[][..], Node::items);
    let retries = retries.first().and_then(|first| number(first, "max_retries"));
    if retries.unwrap_or(ENVOYS_RETRIES) <= ENVOYS_RETRIES {
        findings.warning(
            &cluster.place,
            "no more than 3 failovers at a time reach this provider",
            "copy `circuit_breakers` from `clusters.yaml`",
        );
    }
}
