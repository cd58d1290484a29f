//! `headgate render apisix` and `headgate check --host apisix`, as an operator runs them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "this is a test")]

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const POLICY: &str = "
environment: production
listen: 127.0.0.1:8080
providers:
  openai: {format: openai, url: 'https://api.openai.com/v1', credential: '${OPENAI_API_KEY}'}
  claude: {format: anthropic, url: 'https://api.anthropic.com', credential: '${ANTHROPIC_API_KEY}'}
models:
  chat:
    targets:
      - {provider: openai, model: gpt-5.2}
      - {provider: openai, model: gpt-5-mini, tier: 2, when: {team: [search]}}
    failover: {on: [connect, timeout, 429, 5xx], attempts: 2, first_byte_timeout: 20s}
  claude: {targets: [{provider: claude, model: claude-sonnet-4-5}]}
teams: {search: {}}
keys: [{id: alice, sha256: 31443d332abed1a229de06db8106ab64883c3b6f8270a5bc4b68831591b82034}]
";

fn headgate(arguments: &[&str]) -> Output {
    let variables = [("OPENAI_API_KEY", "canary"), ("ANTHROPIC_API_KEY", "canary")];
    Command::new(env!("CARGO_BIN_EXE_headgate")).args(arguments).env_clear().envs(variables).output().unwrap()
}

fn json(file: &Path) -> Value {
    let text = fs::read_to_string(file).unwrap();
    serde_json::from_str(text.strip_suffix("#END\n").unwrap_or(&text)).unwrap()
}

#[test]
fn files_are_written_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, out) = (folder.path().join("gateway.yaml"), folder.path().join("out"));
    fs::write(&policy, POLICY).unwrap();
    let (file, out_text) = (policy.to_str().unwrap(), out.to_str().unwrap());
    let output = headgate(&["render", "apisix", file, "--out", out_text, "--wasm", "/headgate.wasm"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    for name in ["config.yaml", "apisix.yaml"] {
        assert!(!fs::read_to_string(out.join(name)).unwrap().contains("canary"), "{name}");
    }
    let (config, rules) = (json(&out.join("config.yaml")), json(&out.join("apisix.yaml")));
    assert_eq!(config["wasm"]["plugins"][0]["file"], "/headgate.wasm");
    let variables = config["nginx_config"]["envs"].as_array().unwrap();
    assert_eq!(variables, &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENAI_API_KEY_BEARER"]);
    let chat = &rules["routes"][0]["plugins"]["ai-proxy-multi"];
    // The second target has a condition that a route cannot look at.
    assert_eq!(chat["instances"].as_array().unwrap().len(), 1);
    assert_eq!(chat["instances"][0]["auth"]["header"]["Authorization"], "$env://OPENAI_API_KEY_BEARER");
    assert_eq!(chat["instances"][0]["override"]["endpoint"], "https://api.openai.com:443/v1/chat/completions");
    assert_eq!((&chat["max_retries"], &chat["timeout"]), (&Value::from(1), &Value::from(20_000)));
    assert_eq!(rules["routes"][1]["uri"], "/v1/messages");
}

#[test]
fn obstacles_are_named_with_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("gateway.yaml");
    fs::write(&policy, POLICY).unwrap();
    let said = |host: &str| {
        let output = headgate(&["check", policy.to_str().unwrap(), "--host", host]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(said("apisix").contains("gateway.yaml:11:"), "{}", said("apisix"));
    assert!(said("apisix").contains("no stream is sent to this target"));
    assert!(!said("envoy").contains("no stream"));
}

#[test]
fn documents_of_the_admin_api_have_the_same_content() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, out) = (folder.path().join("gateway.yaml"), folder.path().join("out"));
    fs::write(&policy, POLICY).unwrap();
    let (file, out_text) = (policy.to_str().unwrap(), out.to_str().unwrap());
    for more in [&[][..], &["--admin-api"]] {
        let arguments = ["render", "apisix", file, "--out", out_text, "--wasm", "/headgate.wasm"];
        let output = headgate(&[&arguments, more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(json(&out.join("config.yaml")).get("deployment").is_none());
    let rules = json(&out.join("apisix.yaml"));
    let mut count = 0;
    for (kind, resources) in rules.as_object().unwrap() {
        for resource in resources.as_array().unwrap() {
            let id = resource["id"].as_str().unwrap();
            let mut document = json(&out.join(format!("apisix/admin/{kind}/{id}")));
            document.as_object_mut().unwrap().insert("id".to_owned(), id.into());
            assert_eq!(document, *resource);
            count += 1;
        }
    }
    let written = ["upstreams", "global_rules", "routes"].map(|kind| fs::read_dir(out.join("apisix/admin").join(kind)));
    assert_eq!(written.into_iter().map(|folder| folder.unwrap().count()).sum::<usize>(), count);
}
