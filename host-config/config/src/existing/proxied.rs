//! Checks routes of the operator that turn on a gate which leaves the routing to the proxy: their clusters, and the rule that
//! strips an identity header.

use super::find::{Found, Manager, PlainRoute};
use super::findings::Findings;
use super::needs::Needs;
use super::values::{at, entry, extension, flag, number, text};
use crate::render::{GATE_RESOURCE, MAX_READ_BYTES, stage_set_name};
use crate::tree::{Entry, Node};
use headgate_policy::document::{Action, IdentitySource, Stage};
use std::collections::BTreeSet;

pub(super) fn check(found: &Found<'_>, needs: &Needs<'_>, findings: &mut Findings) {
    let document = &needs.compiled.document;
    let sets = document.stage_sets.iter().filter(|(_, stages)| !stages.has(Stage::Routing));
    let own = (!document.stages.has(Stage::Routing)).then(|| GATE_RESOURCE.to_owned());
    let gates: Vec<String> = own.into_iter().chain(sets.map(|(name, _)| stage_set_name(name))).collect();
    let known: BTreeSet<&str> = document.providers.iter().flat_map(|one| &one.clusters).map(String::as_str).collect();
    for route in found.plain_routes.iter().filter(|route| gates.iter().any(|gate| is_on(gate, route, found))) {
        clusters(route, &known, findings);
    }
    held_answers(found, needs, &known, findings);
    if let Some(IdentitySource::Header(header)) = document.identity.as_ref().map(|identity| &identity.source) {
        for manager in found.managers.iter().filter(|manager| manager.gate().is_some()) {
            stripped(manager, header, findings);
        }
    }
}

/// Whether a route has this gate on: by its own setting, else by that of its virtual host, else by the filter's.
fn is_on(gate: &str, route: &PlainRoute<'_>, found: &Found<'_>) -> bool {
    let switch = |node: &Node| {
        let written = at(node, "typed_per_filter_config").and_then(|filters| entry(filters, gate))?;
        Some(!flag(&written.value, "disabled"))
    };
    let by_filter = || {
        let manager = found.managers.get(route.manager?)?;
        let filter = manager.filters().iter().find(|filter| text(filter, "name") == Some(gate))?;
        Some(!flag(filter, "disabled"))
    };
    switch(route.object.node).or_else(|| switch(route.host?)).or_else(by_filter) == Some(true)
}

fn clusters(route: &PlainRoute<'_>, known: &BTreeSet<&str>, findings: &mut Findings) {
    let Some(action) = at(route.object.node, "route") else { return };
    let weighted = at(action, "weighted_clusters.clusters").map_or(&[][..], Node::items);
    let weighted = weighted.iter().filter_map(|one| entry(one, "name"));
    for named in entry(action, "cluster").into_iter().chain(weighted) {
        cluster(route, named, known, findings);
    }
    if let Some(header) = entry(action, "cluster_header") {
        findings.warning(
            &route.object.place.key("route.cluster_header", Some(header.span)),
            "the cluster is known only when a request comes; one that no provider names is refused",
            "name all of its clusters under `clusters` of the providers in gateway.yaml",
        );
    }
}

fn cluster(route: &PlainRoute<'_>, named: &Entry, known: &BTreeSet<&str>, findings: &mut Findings) {
    let Some(name) = named.value.text().filter(|name| !known.contains(name)) else { return };
    findings.error(
        &route.object.place.key(&format!("route.{}", named.key), Some(named.span)),
        &format!("cluster `{name}` leads to no provider of the policy, so its requests are refused"),
        "name it under `clusters` of a provider in gateway.yaml, or turn the filter off on this route",
    );
}

/// Reports clusters from which Envoy may read so much at once that an answer which a guardrail holds overflows its buffer before
/// the filter sees it.
fn held_answers(found: &Found<'_>, needs: &Needs<'_>, known: &BTreeSet<&str>, findings: &mut Findings) {
    const KEY: &str = "per_connection_buffer_limit_bytes";
    let holds = needs
        .compiled
        .document
        .guardrails
        .iter()
        .any(|guardrail| guardrail.on_response && guardrail.detect.action != Action::Monitor);
    for cluster in found.clusters.iter().filter(|_| holds) {
        let is_known = text(cluster.node, "name").is_some_and(|name| known.contains(name));
        if is_known && number(cluster.node, KEY).is_none_or(|bytes| bytes > MAX_READ_BYTES) {
            findings.warning(
                &cluster.place,
                "an answer that a guardrail holds and that is too large can end with Envoy's own 500 instead of 502",
                &format!("write `{KEY}: {MAX_READ_BYTES}`"),
            );
        }
    }
}

/// Reports a connection manager in which clients can send the identity header.
fn stripped(manager: &Manager<'_>, header: &str, findings: &mut Findings) {
    let early = at(manager.object.node, "early_header_mutation_extensions").map_or(&[][..], Node::items);
    let removes = |node: &Node, at_path: &str| {
        let mutations = at(node, at_path).map_or(&[][..], Node::items);
        mutations.iter().any(|mutation| text(mutation, "remove").is_some_and(|name| name.eq_ignore_ascii_case(header)))
    };
    let first = manager.filters().first().filter(|filter| extension(filter).contains(".http.header_mutation"));
    let is_stripped = early.iter().any(|one| removes(one, "typed_config.mutations"))
        || first.is_some_and(|filter| removes(filter, "typed_config.mutations.request_mutations"));
    if !is_stripped {
        findings.error(
            &manager.object.place,
            &format!("clients can send `{header}` themselves, and be anybody"),
            "add `early-header-mutation.yaml`, or remove the header in a `header_mutation` filter that is the first one",
        );
    }
}
