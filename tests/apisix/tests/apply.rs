//! `headgate apply` and `rollback` for APISIX: the collector, the files, and a worker that takes them up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]
#![allow(clippy::disallowed_methods, reason = "the collector is a process with a clock of its own")]

mod collector;
mod common;

use collector::{ALICE, Collector, OWNER, Outside, ask, environment, worker};
use common::{rendered_from, root};
use std::path::Path;
use std::process::{Command, Output};

fn policy(collector: &str, models: &str) -> String {
    format!(
        r#"environment: test
listen: 127.0.0.1:1
collector: {{url: "http://{collector}", token: "${{HEADGATE_INGEST_TOKEN}}"}}
providers: {{alpha: {{format: openai, url: "http://127.0.0.1:2/v1"}}}}
models: {{free: {{targets: [{{provider: alpha, model: gpt-4o-mini}}]}}}}
keys: [{{id: alice, sha256: {ALICE}, models: [{models}]}}]
prices: {{alpha/gpt-4o-mini: {{input: 0, output: 0}}}}
"#
    )
}

/// Runs the command for APISIX, with the owner's token.
fn headgate(collector: &Collector, folder: &Path, arguments: &[&str]) -> Output {
    let binary = root().join("target/debug/headgate");
    assert!(binary.exists(), "the command is missing: run `just programs`");
    Command::new(binary)
        .current_dir(folder)
        .args(arguments)
        .args(["--host", "apisix", "--out", "out", "--wasm", "/headgate.wasm", "--wait", "0s"])
        .args(["--collector", &format!("http://{}", collector.address)])
        .env("HEADGATE_TOKEN", OWNER)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

#[test]
fn policies_are_applied_and_restored() {
    let collector = Collector::start();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |models: &str| std::fs::write(path("gateway.yaml"), policy(&collector.address, models)).unwrap();
    let rules = || std::fs::read_to_string(path("out/apisix.yaml")).unwrap();
    write("free");
    let first = headgate(&collector, folder.path(), &["apply", "gateway.yaml"]);
    assert!(first.status.success(), "{}", said(&first));
    assert_eq!(std::fs::read_to_string(path("gateway.yaml.revision")).unwrap(), "1\n");
    let mut outside = Outside::of(&collector);
    let mut nginx = worker(&rendered_from(&policy(&collector.address, "free"), environment()), 1);
    nginx.take_rules(&rules());
    assert_eq!(ask(&mut nginx, &mut outside, "free"), 200);

    write("other");
    let second = headgate(&collector, folder.path(), &["apply", "gateway.yaml"]);
    assert!(second.status.success(), "{}", said(&second));
    nginx.take_rules(&rules());
    assert_eq!(ask(&mut nginx, &mut outside, "free"), 403);

    write("\"f*\"");
    let stale = headgate(&collector, folder.path(), &["apply", "gateway.yaml", "--base", "1", "--dry-run"]);
    assert_eq!(stale.status.code(), Some(4), "{}", said(&stale));
    let back = headgate(&collector, folder.path(), &["rollback", "1"]);
    assert!(back.status.success(), "{}", said(&back));
    nginx.take_rules(&rules());
    assert_eq!(ask(&mut nginx, &mut outside, "free"), 200);
    assert_eq!(collector.list("/v1/policy/revisions").len(), 3);
    let entries = collector.list("/v1/audit?limit=100");
    let is_change = |entry: &&serde_json::Value| {
        let changes = entry["operation"] == "create" || entry["operation"] == "update";
        entry["resource"]["kind"] == "policy" && changes && entry["outcome"] == "success"
    };
    assert_eq!(entries.iter().filter(is_change).count(), 3, "{entries:?}");
    // The worker tells of the policy that it uses.
    let planes = collector.list("/v1/dataplanes");
    let used = planes[0]["workers"][0]["config_revision"].clone();
    assert!(rules().contains(used.as_str().unwrap()), "{planes:?}");
}

#[test]
fn changes_beyond_the_rules_need_a_reload() {
    let collector = Collector::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, policy(&collector.address, "free")).unwrap();
    assert!(headgate(&collector, folder.path(), &["apply", "gateway.yaml"]).status.success());
    let rules = std::fs::read_to_string(folder.path().join("out/apisix.yaml")).unwrap();
    let with_key = policy(&collector.address, "free").replace("2/v1\"}", "2/v1\", credential: \"${ALPHA_KEY}\"}");
    std::fs::write(&file, with_key).unwrap();
    let refused = headgate(&collector, folder.path(), &["apply", "gateway.yaml"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("config.yaml") && said(&refused).contains("--restart"), "{}", said(&refused));
    assert_eq!(std::fs::read_to_string(folder.path().join("out/apisix.yaml")).unwrap(), rules);
    assert!(headgate(&collector, folder.path(), &["apply", "gateway.yaml", "--restart"]).status.success());
    // A part that APISIX cannot carry out is refused before anything is written.
    let staged = policy(&collector.address, "free") + "routing: envoy\n";
    std::fs::write(&file, staged).unwrap();
    let refused = headgate(&collector, folder.path(), &["apply", "gateway.yaml"]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
}
