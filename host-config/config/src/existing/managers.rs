//! Checks listeners and their HTTP connection managers.

use super::filters;
use super::find::{Found, Manager, Object, router};
use super::findings::Findings;
use super::needs::Needs;
use super::values::{at, contains, entry, number};

/// Envoy's buffer of a connection, bytes, unless a listener has a limit of its own.
const ENVOYS_BUFFER: u64 = 1 << 20;

pub(super) fn check(found: &Found<'_>, needs: &Needs<'_>, findings: &mut Findings) {
    if found.managers.is_empty() {
        findings.error(
            &found.start,
            "there is no HTTP connection manager in these files",
            "name the file with the listener too: `--envoy` can be repeated",
        );
    } else if found.managers.iter().all(|manager| manager.gate().is_none()) {
        findings.error(
            &found.start,
            "no connection manager has the Headgate filter",
            "render the parts to paste: `headgate render envoy --fragments`",
        );
    }
    for manager in found.candidates() {
        if let Some(listener) = manager.listener.and_then(|number| found.listeners.get(number)) {
            buffer(listener, needs, findings);
        }
        order(manager, needs, findings);
        filters::check(manager, needs, findings);
    }
}

fn buffer(listener: &Object<'_>, needs: &Needs<'_>, findings: &mut Findings) {
    const KEY: &str = "per_connection_buffer_limit_bytes";
    let limit = number(listener.node, KEY).unwrap_or(ENVOYS_BUFFER);
    if limit < needs.buffer {
        let place = listener.place.key(KEY, entry(listener.node, KEY).map(|entry| entry.span));
        let message = format!("Envoy answers requests above {limit} bytes with 413, before Headgate reads them");
        let help = format!("write `{KEY}: {}`: `max_request_bytes` and 1 MiB", needs.buffer);
        findings.error(&place, &message, &help);
    }
}

/// Checks that the router is last and tells the filter of resets.
fn order(manager: &Manager<'_>, needs: &Needs<'_>, findings: &mut Findings) {
    let filters = manager.filters();
    let place = &manager.object.place;
    let Some(last) = router(filters) else {
        return findings.error(
            place,
            "there is no router in `http_filters`",
            "add the filter of `router.yaml` at the end",
        );
    };
    if manager.gate().is_some_and(|gate| gate > last) {
        findings.error(
            place,
            "the Headgate filter comes after the router, which ends the chain",
            "move it before the router",
        );
    }
    let log = filters.get(last).and_then(|router| at(router, "typed_config.upstream_log"));
    if needs.routes && manager.gate().is_some() && !log.is_some_and(|log| contains(log, "resets")) {
        findings.warning(
            place,
            "the router does not tell of tries that a provider has reset",
            "replace the router by that of `router.yaml`",
        );
    }
}
