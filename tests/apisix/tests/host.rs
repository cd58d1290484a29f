//! The module and the host: imports, statuses that nobody expects, and reasons to hold a request.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]

mod common;

use common::{Rendered, loaded, rendered, root};
use headgate_test_apisix::{Force, IMPORTS, Loaded, Nginx, play};
use headgate_tests::{Case, load_all};
use std::collections::BTreeSet;

#[test]
fn module_has_no_import_that_apisix_lacks() {
    let lacking: Vec<String> =
        loaded().imports().filter(|import| !IMPORTS.iter().any(|(name, _)| name == import)).collect();
    assert!(lacking.is_empty(), "APISIX would not load the module: it lacks {lacking:?}");
}

/// Requests that go every way through the filter.
const CASES: [&str; 7] = [
    "admission/missing-key-is-401",
    "admission/models-lists-allowed-models",
    "failover/503-tries-next-target",
    "guardrails/blocked-prompt-is-422",
    "guardrails/clean-moderation-passes",
    "guardrails/blocked-stream-ends-with-error-event",
    "stream/unrequested-usage-is-hidden",
];

/// Calls whose status the SDK checks by itself, and panics; APISIX gives these two no other status.
fn statuses(call: &str) -> &'static [u32] {
    match call {
        "proxy_set_effective_context" => &[],
        "proxy_http_call" => &[2, 10],
        // A host that says yes and does not answer breaks its word.
        "proxy_send_local_response" => &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        _ => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    }
}

fn found(name: &str) -> Case {
    let file = root().join(format!("tests/cases/{name}.yaml"));
    let cases = load_all(&root().join("tests/cases"));
    cases.into_iter().find(|(path, _)| *path == file).unwrap_or_else(|| panic!("{name} is no case")).1
}

/// Text that guardrails of these cases refuse, whole and as the last piece of a stream.
const LEAKS: [&str; 2] = ["@example.com", "\".com \""];

/// Callbacks without a request: a worker has each of them once.
const OF_THE_ROOT: [&str; 3] = ["_initialize", "proxy_on_context_create", "proxy_on_configure"];

/// Plays a case with one call forced to a status. Panics where the real host would have crashed.
fn forced(nginx: &mut Nginx, rendered: &Rendered, case: &Case, force: Option<Force>) {
    let told = format!("{force:?}");
    nginx.vm.world().force(force);
    let (outcome, _) = play(nginx, &rendered.document, case);
    assert!(nginx.vm.traps.is_empty(), "{told}: {:?}", nginx.vm.traps);
    // Text that a guardrail refuses does not reach the client, unless the host takes away the one way to say so.
    let silenced = told.contains("proxy_set_property");
    let body = String::from_utf8_lossy(&outcome.body).into_owned();
    let leaked = LEAKS.iter().any(|text| body.contains(text));
    assert!(silenced || !leaked, "{told}: blocked text has reached the client");
    let refused = case.expect.status == 401;
    assert!(!refused || outcome.upstream.is_empty(), "{told}: a request without a key has reached a provider");
}

/// Returns the calls that a case makes, by callback.
fn calls(rendered: &Rendered, loaded: &Loaded, case: &Case) -> BTreeSet<(&'static str, String)> {
    let mut nginx = rendered.start(loaded);
    forced(&mut nginx, rendered, case, None);
    nginx.vm.world().made().map(|(callback, call)| (callback, call.to_owned())).collect()
}

#[test]
fn no_status_of_the_host_crashes_it() {
    let (rendered, loaded) = (rendered(), loaded());
    let mut tried = 0;
    let mut nginx = rendered.start(&loaded);
    for (number, name) in CASES.iter().enumerate() {
        let case = found(name);
        for (callback, call) in calls(&rendered, &loaded, &case) {
            let of_the_root = OF_THE_ROOT.contains(&callback);
            for status in statuses(&call).iter().filter(|_| !of_the_root || number == 0) {
                let force = Some(Force { callback, call: call.clone(), status: *status });
                let mut fresh = of_the_root.then(|| rendered.start(&loaded));
                forced(fresh.as_mut().unwrap_or(&mut nginx), &rendered, &case, force);
                tried += 1;
            }
        }
    }
    assert!(tried > 600, "only {tried} calls were forced");
}
