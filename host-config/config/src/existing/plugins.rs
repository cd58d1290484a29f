//! Checks the configurations of the module.

use super::find::{Found, Object};
use super::findings::Findings;
use super::values::{at, entry, flag, text};
use crate::tree::{Node, Value};

pub(super) fn check(found: &Found<'_>, findings: &mut Findings) {
    for plugin in &found.plugins {
        one(plugin, findings);
    }
    let Some((first, others)) = found.plugins.split_first() else { return };
    for other in others.iter().filter(|other| !is_same_vm(first.node, other.node)) {
        findings.error(
            &other.place.key("vm_config", entry(other.node, "vm_config").map(|entry| entry.span)),
            "this is not the VM of the other parts, so a try does not find its request",
            "give all of them the same `vm_id`, `code`, `runtime` and `environment_variables`",
        );
    }
}

fn one(plugin: &Object<'_>, findings: &mut Findings) {
    let holds_headers = matches!(text(plugin.node, "root_id"), Some("gate" | "stages" | "attempt"));
    if holds_headers && !flag(plugin.node, "allow_on_headers_stop_iteration") {
        findings.error(
            &plugin.place,
            "Envoy does not give this filter the body while it holds the headers, so every request hangs",
            "write `allow_on_headers_stop_iteration: true`",
        );
    }
    if text(plugin.node, "failure_policy") != Some("FAIL_RELOAD") {
        let message = "a worker whose VM has failed answers 503 from then on";
        findings.warning(&plugin.place, message, "write `failure_policy: FAIL_RELOAD`");
    }
}

fn is_same_vm(one: &Node, other: &Node) -> bool {
    ["vm_id", "runtime", "code", "environment_variables"].into_iter().all(|key| {
        let part = |node| at(node, "vm_config").and_then(|vm| at(vm, key));
        match (part(one), part(other)) {
            (Some(one), Some(other)) => is_equal(one, other),
            (None, None) => true,
            _ => false,
        }
    })
}

/// Compares two values by their content.
fn is_equal(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Null, Value::Null) => true,
        (Value::Scalar(one), Value::Scalar(other)) => one == other,
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_equal(one, other))
        }
        (Value::Map(one), Value::Map(others)) => {
            one.len() == others.len()
                && one.iter().all(|entry| {
                    others.iter().any(|other| other.key == entry.key && is_equal(&entry.value, &other.value))
                })
        }
        _ => false,
    }
}
