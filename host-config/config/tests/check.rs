//! Each `check/NAME.yaml` is a case, and `check/NAME.expected` is the output of `headgate check` for it.
//!
//! `UPDATE_EXPECT=1 cargo test -p headgate-config` writes the expectations again; review the difference.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helper functions too")]

use headgate_config::{compile, diagnostic};
use std::fs;
use std::path::{Path, PathBuf};

/// 2026-11-21T00:00:00Z.
const NOW: u64 = 1_795_219_200;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    cases.sort();
    cases
}

fn said(case: &Path) -> String {
    let source = fs::read_to_string(case).unwrap();
    let problems = match compile(&source, "gateway.yaml", NOW) {
        Ok(compiled) => compiled.warnings,
        Err(problems) => problems,
    };
    diagnostic::text(&problems)
}

#[test]
fn each_case_is_reported_as_expected() {
    let mut differing = Vec::new();
    for case in cases() {
        let said = said(&case);
        let expected = case.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| !value.is_empty()) {
            fs::write(&expected, said).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != said {
            differing.push(format!("{}:\n{said}", case.display()));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn readme_policy_has_no_problem() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let (_, after) = readme.split_once("```yaml\n").unwrap();
    let (policy, _) = after.split_once("```").unwrap();
    let compiled =
        compile(policy, "README.md", NOW).unwrap_or_else(|problems| panic!("{}", diagnostic::text(&problems)));
    assert!(compiled.warnings.is_empty(), "{}", diagnostic::text(&compiled.warnings));
}

#[test]
fn limits_example_has_no_problem() {
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/limits-and-budgets.md")).unwrap();
    let (example, _) = page.split_once("```yaml\n").unwrap().1.split_once("```").unwrap();
    let rest = r#"
environment: production
listen: 0.0.0.0:8080
collector: {url: "http://127.0.0.1:4180"}
providers: {openai: {format: openai, url: "http://127.0.0.1:1/v1"}}
models: {gpt-5: {targets: [{provider: openai}]}}
teams: {search: {}}
keys: [{id: intern-bob, sha256: "0000000000000000000000000000000000000000000000000000000000000000", team: search}]
"#;
    let compiled = compile(&format!("{example}{rest}"), "limits-and-budgets.md", NOW)
        .unwrap_or_else(|problems| panic!("{}", diagnostic::text(&problems)));
    assert!(compiled.warnings.is_empty(), "{}", diagnostic::text(&compiled.warnings));
}

#[test]
fn no_case_shows_a_canary() {
    for case in cases() {
        let source = fs::read_to_string(&case).unwrap();
        let Err(problems) = compile(&source, "gateway.yaml", NOW) else { continue };
        assert!(!diagnostic::text(&problems).contains("canary"), "{}", case.display());
        assert!(!diagnostic::json(&problems).contains("canary"), "{}", case.display());
    }
}
