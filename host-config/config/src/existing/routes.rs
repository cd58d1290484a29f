//! Checks the routes that lead to the providers.

use super::find::{Found, LlmRoute};
use super::findings::Findings;
use super::needs::Needs;
use super::values::{at, contains, entry, flag, milliseconds, number, text};
use crate::render::{GATE_RESOURCE, idle_timeout_s};
use crate::tree::Node;
use headgate_policy::RETRY_HEADER;
use headgate_policy::document::most_retries;

/// Envoy's time for a whole answer, ms, unless a route has another.
const ENVOYS_TIMEOUT: u64 = 15_000;

/// Envoy's time without a byte after which a stream is reset, ms, unless a connection manager has another.
const ENVOYS_IDLE: u64 = 300_000;

pub(super) fn check(found: &Found<'_>, needs: &Needs<'_>, findings: &mut Findings) {
    let with_gate: Vec<_> = found.managers.iter().filter(|manager| manager.gate().is_some()).collect();
    if let (Some(manager), true) = (with_gate.first(), found.routes.is_empty()) {
        findings.error(
            &manager.object.place,
            "no route leads to the providers",
            "add the route of `route.yaml`; if routes are in another file, name it with `--envoy` too",
        );
    }
    for route in &found.routes {
        timeouts(route, found, needs, findings);
        retries(route, needs, findings);
        copies(route, findings);
        buffer(route, needs, findings);
        providers(route, needs, findings);
        gate_is_on(route, found, findings);
    }
}

fn timeouts(route: &LlmRoute<'_>, found: &Found<'_>, needs: &Needs<'_>, findings: &mut Findings) {
    let (node, place) = (route.object.node, &route.object.place);
    let timeout = milliseconds(node, "route.timeout").unwrap_or(ENVOYS_TIMEOUT);
    if timeout != 0 {
        let message = format!("every answer, streams too, is cut off after {} s", timeout.div_ceil(1_000));
        findings.error(place, &message, "write `timeout: 0s` under `route`; the filter bounds each try");
    }
    let own = milliseconds(node, "route.idle_timeout");
    let managers = found
        .managers
        .iter()
        .enumerate()
        .filter(|(number, manager)| route.manager.map_or_else(|| manager.gate().is_some(), |own| own == *number));
    let inherited = managers
        .map(|(_, manager)| milliseconds(manager.object.node, "stream_idle_timeout").unwrap_or(ENVOYS_IDLE))
        .min();
    let idle = own.or(inherited).unwrap_or(ENVOYS_IDLE);
    let needed = idle_timeout_s(needs.compiled);
    if idle != 0 && idle < needed.saturating_mul(1_000) {
        let message = format!("a model that is silent for {} s loses its request", idle.div_ceil(1_000));
        findings.error(place, &message, &format!("write `idle_timeout: {needed}s` under `route`"));
    }
}

fn retries(route: &LlmRoute<'_>, needs: &Needs<'_>, findings: &mut Findings) {
    let place = &route.object.place;
    let attempts = needs.compiled.document.models.iter().map(|model| model.failover.attempts).max().unwrap_or(1);
    if attempts < 2 {
        return;
    }
    let policy = at(route.object.node, "route.retry_policy");
    let Some(policy) = policy else {
        return findings.error(
            place,
            "without `retry_policy` there is no failover",
            "copy `retry_policy` from `route.yaml`",
        );
    };
    if !flag(policy, "refresh_cluster_on_retry") {
        let help = "write `refresh_cluster_on_retry: true` under `retry_policy`";
        findings.error(place, "a retry goes to the provider that has failed", help);
    }
    let by_header = at(policy, "retriable_headers").is_some_and(|headers| contains(headers, RETRY_HEADER));
    if !by_header || !text(policy, "retry_on").is_some_and(|on| on.contains("retriable-headers")) {
        let help = "copy `retry_on` and `retriable_headers` from `route.yaml`";
        findings.error(place, "answers with an error status are not tried elsewhere", help);
    }
    // The filter counts on the retries of the rendered route, and asks for fewer only.
    let needed = most_retries(&needs.compiled.document.models);
    if number(policy, "num_retries").unwrap_or(1) < u64::from(needed) {
        let help = format!("write `num_retries: {needed}`");
        findings.error(place, "there are fewer retries than the policy's `attempts`", &help);
    }
}

/// Reports copies of requests, which go to providers that the filter does not know of.
fn copies(route: &LlmRoute<'_>, findings: &mut Findings) {
    for (key, message) in [
        ("request_mirror_policies", "a mirror gets a copy of every prompt, without guardrails and without a record"),
        ("hedge_policy", "hedged requests are sent, and paid for, twice"),
    ] {
        let written = at(route.object.node, "route").and_then(|action| entry(action, key));
        if let Some(written) = written {
            findings.error(
                &route.object.place.key(&format!("route.{key}"), Some(written.span)),
                message,
                "remove it here",
            );
        }
    }
}

fn buffer(route: &LlmRoute<'_>, needs: &Needs<'_>, findings: &mut Findings) {
    for key in ["request_body_buffer_limit", "per_request_buffer_limit_bytes"] {
        let Some(written) = entry(route.object.node, key) else { continue };
        if written.value.text().and_then(|text| text.parse::<u64>().ok()).is_some_and(|limit| limit < needs.buffer) {
            let place = route.object.place.key(key, Some(written.span));
            let help = format!("write `request_body_buffer_limit: {}`", needs.buffer);
            findings.error(&place, "a larger request cannot be sent to another provider", &help);
        }
    }
}

/// Reports providers of the policy to which the route does not lead.
fn providers(route: &LlmRoute<'_>, needs: &Needs<'_>, findings: &mut Findings) {
    for provider in &needs.compiled.document.providers {
        let is_there = |node: &Node| has_key(node, &provider.name);
        if !is_there(route.object.node) {
            let message = format!("this route does not lead to the provider `{}`", provider.name);
            findings.error(&route.object.place, &message, "render the fragments again, and replace the route");
        }
    }
}

fn has_key(node: &Node, key: &str) -> bool {
    node.entries().iter().any(|entry| entry.key == key || has_key(&entry.value, key))
        || node.items().iter().any(|item| has_key(item, key))
}

/// Reports a gate that is off unless a route turns it on, with a route that does not.
fn gate_is_on(route: &LlmRoute<'_>, found: &Found<'_>, findings: &mut Findings) {
    let is_off = found
        .managers
        .iter()
        .filter_map(|manager| manager.filters().get(manager.gate()?))
        .any(|gate| flag(gate, "disabled"));
    let own = at(route.object.node, "typed_per_filter_config").and_then(|filters| entry(filters, GATE_RESOURCE));
    let turned_off = own.is_some_and(|own| flag(&own.value, "disabled"));
    if turned_off || is_off && own.is_none() {
        findings.error(
            &route.object.place,
            "the Headgate filter is off on this route",
            "copy `typed_per_filter_config` from `route.yaml`",
        );
    }
}
