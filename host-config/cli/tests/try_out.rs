//! `headgate test` and `headgate explain` as an operator runs them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helper functions too")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases")
}

fn headgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_headgate")).args(arguments).env_clear().output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn all_case_files_of_the_project_pass() {
    let (folder, policy) = (cases(), cases().join("gateway.yaml"));
    let output = headgate(&["test", policy.to_str().unwrap(), folder.to_str().unwrap()]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let counted = text.lines().last().unwrap();
    assert!(counted.ends_with(" cases, 0 failed") && !counted.starts_with("0 "), "{counted}");
}

#[test]
fn a_case_that_fails_names_its_differences() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.yaml");
    fs::write(
        &file,
        "request: {body: '{\"model\":\"chat\",\"messages\":[]}'}\nexpect: {status: 404, record: {status: 404}}\n",
    )
    .unwrap();
    fs::write(folder.path().join("no-case.yaml"), "a: 1\n").unwrap();
    let policy = cases().join("gateway.yaml");
    let output = headgate(&["test", policy.to_str().unwrap(), folder.path().to_str().unwrap()]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("try 1 went to `alpha`, and the case has no act for it"), "{text}");
    assert!(text.contains("it is no case file") && text.contains("2 cases, 2 failed"), "{text}");
    fs::write(
        &file,
        "request: {key: carol, body: '{\"model\":\"chat\"}'}\nexpect: {status: 404, record: {status: 401}}\n",
    )
    .unwrap();
    let output = headgate(&["test", policy.to_str().unwrap(), file.to_str().unwrap()]);
    assert!(said(&output).contains("  .expect.status: 401 instead of 404\n"), "{}", said(&output));
}

#[test]
fn a_request_is_explained_in_words() {
    let policy = cases().join("gateway.yaml");
    let explain = |more: &[&str]| {
        let arguments: Vec<&str> =
            ["explain", policy.to_str().unwrap()].into_iter().chain(more.iter().copied()).collect();
        let output = headgate(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        said(&output)
    };
    let routed = explain(&["--key", "alice", "--model", "by-condition", "--stream"]);
    for line in [
        "caller: `alice`, team `search`",
        "target 1: alpha/streams (tier 1, weight 1)",
        "target out: beta/long-prompts, because `when.stream` does not hold",
        "the client gets 200",
    ] {
        assert!(routed.lines().any(|one| one == line), "{line}\n{routed}");
    }
    let masked = explain(&["--key", "alice", "--model", "masked", "--prompt", "mail ann@example.com"]);
    assert!(
        masked.contains("guardrail `mask-mail` finds email in characters") && masked.contains(": mask"),
        "{masked}"
    );
    let refused = explain(&["--key", "carol", "--model", "chat"]);
    assert!(refused.contains("the client gets 401, rejected by the gateway (api_key_expired)"), "{refused}");
    let anthropic = explain(&["--key", "alice", "--model", "claude"]);
    assert!(
        anthropic.contains("path /anthropic/v1/messages") && anthropic.contains("cost: $0.000081000"),
        "{anthropic}"
    );
    let header =
        explain(&["--key", "alice", "--model", "by-condition", "--header", "x-tier: gold-1", "--prompt", "Hi"]);
    assert!(header.contains("served by beta/gold") || header.contains("beta/gold (tier 1"), "{header}");
}
