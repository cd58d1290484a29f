//! The check of a configuration that somebody else wrote: envoy/existing, whole and with one change at a time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helper functions too")]

use headgate_config::diagnostic::{Diagnostic, Severity};
use headgate_config::existing::{ProxyFile, check};
use headgate_config::render::{self, Module, RenderOptions};
use headgate_config::{Compiled, compile};
use std::fs;
use std::path::Path;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../envoy/existing").join(name)).unwrap()
}

fn policy() -> Compiled {
    compile(&read("gateway.yaml"), "gateway.yaml", 0).unwrap()
}

/// Checks a configuration together with the policy's own file, which Envoy watches.
fn checked(configuration: &str) -> Vec<Diagnostic> {
    let policy = policy();
    let options = RenderOptions {
        root: "/etc/headgate/envoy".into(),
        module: Module::Wasm("/usr/lib/headgate/headgate.wasm".into()),
    };
    let fragments = render::fragments(&policy, &options);
    let (_, gate) = fragments.first().unwrap();
    let files =
        [ProxyFile { name: "envoy.yaml", text: configuration }, ProxyFile { name: "headgate-gate.json", text: gate }];
    check(&files, &policy, Some((1, 40)))
}

/// A filter in the notation of the file.
fn filter(name: &str, more: &str) -> String {
    format!("                  - name: envoy.filters.http.{name}\n                    typed_config: {{{more}}}\n")
}

const BEFORE_GATE: &str = "                  # http-filter.yaml\n";
const AFTER_GATE: &str = "                  # router.yaml, in place of the router\n";
const TOKENS: &str = "clients send their virtual key";

#[test]
fn the_example_has_the_one_finding_that_its_readme_explains() {
    let found = checked(&read("after.yaml"));
    let [one] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((one.severity, one.line), (Severity::Warning, 39));
    assert!(one.message.contains(TOKENS));
}

#[test]
fn each_change_is_found_at_its_place() {
    let insert = |at: &str, name: &str, more: &str| (at.to_owned(), format!("{}{at}", filter(name, more)));
    let swap = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let cases = [
        (
            swap("bytes: 22020096\n      filter_chains", "bytes: 32768\n      filter_chains"),
            "requests above 32768 bytes",
            "listeners[0].per_connection_buffer_limit_bytes",
        ),
        (
            swap("allow_on_headers_stop_iteration: true", "allow_on_headers_stop_iteration: false"),
            "every request hangs",
            "clusters[",
        ),
        (
            swap("refresh_cluster_on_retry: true", "refresh_cluster_on_retry: false"),
            "the provider that has failed",
            "routes[1]",
        ),
        (swap("timeout: \"0s\"", "timeout: \"15s\""), "cut off after 15 s", "routes[1]"),
        (swap("idle_timeout: \"600s\"", "idle_timeout: \"60s\""), "silent for 60 s", "routes[1]"),
        (swap("idle_timeout: \"600s\"", "cors: {}"), "silent for 300 s", "routes[1]"),
        (swap("tag_name: gen_ai_request_model", "tag_name: other"), "is a metric of its own", "labels in its name"),
        (swap("num_retries: 3", "num_retries: 0"), "fewer retries", "routes[1]"),
        (swap("num_retries: 3", "num_retries: 2"), "fewer retries", "routes[1]"),
        (swap("- name: x-headgate-retry", "- name: x-other"), "not tried elsewhere", "routes[1]"),
        (
            swap(
                "                            idle_timeout",
                "                            request_mirror_policies: [{cluster: orders}]\n                            idle_timeout",
            ),
            "copy of every prompt",
            "route.request_mirror_policies",
        ),
        (
            swap("request_body_buffer_limit: 22020096", "request_body_buffer_limit: 1000"),
            "cannot be sent to another provider",
            "request_body_buffer_limit",
        ),
        (swap("typed_per_filter_config:", "metadata:"), "is off on this route", "routes[1]"),
        (swap(" north:\n", " other:\n"), "does not lead to the provider `north`", "routes[1]"),
        (swap("name: provider.north\n", "name: provider.other\n"), "missing: `provider.north`", ""),
        (swap("root_id: attempt", "root_id: other"), "without the attempt filter", "clusters["),
        (swap("max_retries: 1000000", "max_retries: 2"), "no more than 3 failovers", "clusters["),
        (swap("vm_id: headgate", "vm_id: other"), "not the VM of the other parts", "vm_config"),
        (
            swap("failure_policy: FAIL_RELOAD", "failure_policy: FAIL_CLOSED"),
            "answers 503 from then on",
            "typed_config.config",
        ),
        (swap("upstream_log:", "other_log:"), "tries that a provider has reset", "typed_config"),
        (insert(AFTER_GATE, "compressor", ""), "compressed before Headgate reads", "http_filters[2]"),
        (insert(AFTER_GATE, "lua", ""), "what guardrails have checked", "http_filters[2]"),
        (insert(AFTER_GATE, "ext_authz", ""), "has passed Headgate", "http_filters[2]"),
        (insert(BEFORE_GATE, "lua", ""), "this filter can change bodies", "http_filters[1]"),
        (
            insert(BEFORE_GATE, "ext_proc", "processing_mode: {response_body_mode: STREAMED}"),
            "can change bodies",
            "http_filters[1]",
        ),
        (
            insert(BEFORE_GATE, "buffer", "max_request_bytes: 1000"),
            "answers larger requests with 413",
            "http_filters[1]",
        ),
        (
            insert(BEFORE_GATE, "ext_authz", "with_request_body: {max_request_bytes: 8192}"),
            "answers larger requests with 413",
            "http_filters[1]",
        ),
    ];
    for ((from, to), message, path) in cases {
        let changed = read("after.yaml").replacen(
            &from,
            &to,
            if from.contains("stop_iteration") || from.contains("max_retries") { usize::MAX } else { 1 },
        );
        assert_ne!(changed, read("after.yaml"), "{from} is not in the file");
        let found = checked(&changed);
        let one = found.iter().find(|one| one.message.contains(message));
        let one = one.unwrap_or_else(|| panic!("{to:?} is not found: {found:#?}"));
        assert!(one.message.contains(path), "{} is not about {path}", one.message);
        assert!(one.file.ends_with("envoy.yaml") || message.contains("VM") || message.contains("503"), "{one:#?}");
        assert!(one.line > 0 && !one.help.is_empty());
    }
}

#[test]
fn harmless_filters_are_not_reported() {
    let filters = [
        (BEFORE_GATE, filter("compressor", "")),
        (BEFORE_GATE, filter("ext_proc", "processing_mode: {request_header_mode: SEND}")),
        (BEFORE_GATE, filter("ext_authz", "with_request_body: {max_request_bytes: 8192, allow_partial_message: true}")),
        (BEFORE_GATE, filter("buffer", "max_request_bytes: 30000000")),
        (AFTER_GATE, filter("header_mutation", "")),
    ];
    for (place, filter) in filters {
        let found = checked(&read("after.yaml").replacen(place, &format!("{filter}{place}"), 1));
        assert!(found.iter().all(|one| one.message.contains(TOKENS)), "{filter}: {found:#?}");
    }
    let camel = read("after.yaml").replace("per_connection_buffer_limit_bytes", "perConnectionBufferLimitBytes");
    assert_eq!(checked(&camel).len(), 1);
}

#[test]
fn an_old_envoy_is_named() {
    let after = read("after.yaml");
    let files = [ProxyFile { name: "envoy.yaml", text: &after }];
    let old =
        |version| check(&files, &policy(), version).iter().any(|one| one.message.contains("there is no failover"));
    assert!(old(Some((1, 38))) && !old(Some((1, 39))) && !old(None));
    let dump = format!(
        "user_agent: {{user_agent_build_version: {{version: {{major_number: 1, minor_number: 30}}}}}}\n{after}"
    );
    let files = [ProxyFile { name: "dump.yaml", text: &dump }];
    assert!(check(&files, &policy(), None).iter().any(|one| one.message.contains("Envoy 1.30")));
}

#[test]
fn values_are_not_shown() {
    let secret = read("before.yaml").replace("cluster: llm,", "cluster: llm, canary: canary-4711,");
    let found = checked(&secret);
    assert!(found.len() > 3);
    assert!(found.iter().all(|one| !one.snippet.contains("4711") && !one.message.contains("4711")));
}

#[test]
fn unreadable_files_are_reported() {
    for text in ["a: [", "", "- 1", "{\"a\":", &"[".repeat(10_000), &"a: {".repeat(200), "a: *nobody"] {
        assert!(checked(text).iter().any(|one| one.severity == Severity::Error), "{text:.20}");
    }
    let after = read("after.yaml");
    for end in (0..after.len()).step_by(997).filter(|end| after.is_char_boundary(*end)) {
        let _ = checked(after.get(..end).unwrap());
    }
}

const PROXIED: &str = r#"
environment: test
routing: proxy
stages: [guardrails, logging]
stage_sets: {observe: [logging]}
providers:
  openai: {format: openai, clusters: [openai, spare]}
guardrails:
  - {id: secrets, detect: {secrets: all}}
identity: {header: x-user, stripped_by: early_header_mutation, rules: [{id: all, name: "*"}]}
"#;

const EDGE: &str = r#"
static_resources:
  listeners:
    - name: edge
      address: {socket_address: {address: 0.0.0.0, port_value: 8080}}
      per_connection_buffer_limit_bytes: 22020096
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                stat_prefix: edge
                early_header_mutation_extensions:
                  - name: strip
                    typed_config: {mutations: [{remove: X-User}]}
                http_filters:
                  - {name: headgate-gate, disabled: true, config_discovery: {}}
                  - {name: headgate-observe, disabled: true, typed_config: {}}
                  - {name: envoy.filters.http.router, typed_config: {}}
                route_config:
                  virtual_hosts:
                    - name: edge
                      domains: ["*"]
                      typed_per_filter_config: {}
                      routes:
                        - match: {prefix: /v1/}
                          route: {cluster: openai}
                          typed_per_filter_config: {headgate-gate: {config: {}}}
                        - match: {prefix: /orders/}
                          route: {cluster: orders}
  clusters:
    - {name: openai, connect_timeout: 1s, per_connection_buffer_limit_bytes: 524288}
    - {name: orders, connect_timeout: 1s}
"#;

fn found_at_the_edge(changed: &str) -> Vec<String> {
    let policy = compile(PROXIED, "gateway.yaml", 0).unwrap();
    let files = [ProxyFile { name: "envoy.yaml", text: changed }];
    check(&files, &policy, Some((1, 40))).into_iter().map(|found| format!("{} {}", found.line, found.message)).collect()
}

#[test]
fn routes_of_the_proxy_lead_to_providers_of_the_policy() {
    assert_eq!(found_at_the_edge(EDGE), Vec::<String>::new());
    let switch = "typed_per_filter_config: {headgate-gate: {config: {}}}";
    for (from, to, line, message) in [
        ("route: {cluster: openai}", "route: {cluster: other}", 26, "cluster `other` leads to no provider"),
        (
            "route: {cluster: openai}",
            "route: {weighted_clusters: {clusters: [{name: openai, weight: 1}, {name: other, weight: 1}]}}",
            26,
            "cluster `other` leads to no provider",
        ),
        ("route: {cluster: openai}", "route: {cluster_header: x-cluster}", 26, "known only when a request comes"),
        (switch, "typed_per_filter_config: {headgate-observe: {config: {}}}\n                          x: 1", 0, ""),
        ("typed_per_filter_config: {}", switch, 29, "cluster `orders` leads to no provider"),
        (
            "headgate-gate, disabled: true",
            "headgate-gate, disabled: false",
            29,
            "cluster `orders` leads to no provider",
        ),
        ("remove: X-User", "remove: x-other", 10, "clients can send `x-user` themselves"),
        ("per_connection_buffer_limit_bytes: 524288", "type: STATIC", 31, "too large can end with Envoy's own 500"),
    ] {
        let changed = EDGE.replacen(from, to, 1);
        assert_ne!(changed, EDGE, "{from}");
        let found = found_at_the_edge(&changed);
        match found.as_slice() {
            [] => assert_eq!(message, "", "{to}"),
            [one] => assert!(one.contains(message) && one.starts_with(&format!("{line} ")), "{to}: {one}"),
            more => panic!("{to}: {more:#?}"),
        }
    }
}
