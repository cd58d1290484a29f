//! The rendering of one policy, to the byte, and that the filter accepts it.
//!
//! `UPDATE_EXPECT=1 cargo test -p headgate-config` writes the expectations again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helper functions too")]

use headgate_config::render::{self, Module, RenderOptions};
use headgate_config::{Compiled, compile};
use headgate_policy::Policy;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/render")
}

fn compiled() -> Compiled {
    let source = fs::read_to_string(folder().join("gateway.yaml")).unwrap();
    compile(&source, "gateway.yaml", 0).unwrap()
}

fn rendered(compiled: &Compiled) -> Vec<(PathBuf, String)> {
    let options = RenderOptions { root: "/etc/headgate".into(), module: Module::Wasm("/usr/lib/headgate.wasm".into()) };
    render::envoy(compiled, &options)
}

#[test]
fn a_policy_is_rendered_as_expected() {
    let files = rendered(&compiled());
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| !value.is_empty()) {
        for (path, content) in &files {
            fs::write(folder().join("envoy").join(path), content).unwrap();
        }
    }
    for (path, content) in files {
        let expected = fs::read_to_string(folder().join("envoy").join(&path)).unwrap_or_default();
        assert!(content == expected, "{} differs", path.display());
    }
}

#[test]
fn files_are_in_the_order_of_references() {
    let names: Vec<_> = rendered(&compiled()).into_iter().map(|(path, _)| path).collect();
    let expected = ["cds.json", "ecds/headgate-gate.json", "rds.json", "lds.json", "bootstrap.json"];
    assert_eq!(names, expected.map(PathBuf::from));
}

#[test]
fn the_filter_loads_the_rendered_document() {
    let compiled = compiled();
    let policy = Policy::load(compiled.document_json().as_bytes(), |_| None).unwrap();
    assert_eq!(policy.revision(), compiled.document.revision);
    let passed: Vec<String> = compiled.settings.environment_variables.iter().cloned().collect();
    let mut missing = policy.missing().to_vec();
    missing.sort();
    assert_eq!(missing, passed);
}

#[test]
fn the_revision_does_not_depend_on_ports() {
    let source = fs::read_to_string(folder().join("gateway.yaml")).unwrap();
    let revision = |source: &str| compile(source, "gateway.yaml", 0).unwrap().document.revision;
    assert_eq!(revision(&source), revision(&source.replace("8443", "8444")));
    assert_ne!(revision(&source), revision(&source.replace("weight: 3", "weight: 4")));
    assert_eq!(revision(&source).len(), 16);
}

/// Compiles the policy of two targets with these settings of failover.
fn with_failover(failover: &str) -> Compiled {
    let targets = "[{provider: p, model: gpt-4o-mini-2024-07-18}, {provider: p, model: mine, context_window: 4096}]";
    let source = format!(
        "environment: test\nlisten: 127.0.0.1:1\nproviders: {{p: {{format: openai, url: \"https://api.openai.com/v1\"}}}}\n\
         models: {{m: {{targets: {targets}, failover: {{{failover}}}}}}}\n"
    );
    compile(&source, "gateway.yaml", 0).unwrap()
}

#[test]
fn idle_timeout_covers_all_attempts() {
    for (failover, seconds) in [
        ("first_byte_timeout: 1s", 600),
        ("first_byte_timeout: 900s, attempts: 1", 960),
        ("first_byte_timeout: 900s", 1_860),
        ("first_byte_timeout: 900s, attempts: 3", 2_760),
    ] {
        let files = rendered(&with_failover(failover));
        let (_, listener) = files.iter().find(|(path, _)| path.ends_with("lds.json")).unwrap();
        let expected = format!("\"stream_idle_timeout\": \"{seconds}s\"");
        assert!(listener.contains(&expected), "{failover}: no {expected}");
    }
}

#[test]
fn context_windows_are_in_the_document() {
    let compiled = with_failover("attempts: 1");
    let windows = compiled.document.models.iter().flat_map(|model| &model.targets).map(|target| target.context_window);
    assert_eq!(windows.collect::<Vec<_>>(), [Some(128_000), Some(4_096)]);
}

#[test]
fn tls_is_rendered_as_watched_files() {
    let source = fs::read_to_string(folder().join("gateway.yaml")).unwrap();
    let tls = "tls: {certificate_file: /tls/a/tls.crt, key_file: /tls/a/tls.key, client_certificates: {ca_file: /tls/b/ca.pem}}\n";
    let health = "health: 0.0.0.0:8081\n";
    let source = source.replace("listen: \"[::]:8443\"", "listen: [\"[::]:8443\", 0.0.0.0:8443]");
    let compiled = compile(&format!("{source}{tls}{health}"), "gateway.yaml", 0).unwrap();
    let files = rendered(&compiled);
    let names: Vec<_> = files.iter().map(|(path, _)| path.display().to_string()).collect();
    let secrets = ["sds/certificate.json", "sds/client-authorities.json"];
    assert_eq!(names[3..5], secrets, "secrets come before the listener that names them");
    let parsed = |name: &str| -> serde_json::Value {
        serde_json::from_str(&files.iter().find(|(path, _)| path.ends_with(name)).unwrap().1).unwrap()
    };
    let certificate = parsed("sds/certificate.json");
    assert_eq!(certificate["resources"][0]["tls_certificate"]["watched_directory"]["path"], "/tls/a");
    let trust = parsed("sds/client-authorities.json");
    assert_eq!(trust["resources"][0]["validation_context"]["watched_directory"]["path"], "/tls/b");
    let listeners = parsed("lds.json");
    let [gateway, health] = listeners["resources"].as_array().unwrap().as_slice() else { panic!("{listeners}") };
    assert_eq!(gateway["additional_addresses"][0]["address"]["socket_address"]["address"], "0.0.0.0");
    assert_eq!(gateway["filter_chains"][0]["transport_socket"]["typed_config"]["require_client_certificate"], true);
    assert_eq!(health["address"]["socket_address"]["port_value"], 8081);
    assert!(health.get("access_log").is_none() && !health.to_string().contains("wasm"));
    let revision = |compiled: &Compiled| compiled.document.revision.clone();
    assert_eq!(revision(&compiled), revision(&self::compiled()), "the listener is no part of the policy");
}
