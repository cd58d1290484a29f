//! Hostile files: no panic, and no secret in any message.

use headgate_config::{compile, diagnostic};
use proptest::prelude::*;

const SECRET: &str = "sk-canary-7f3a9";

const POLICY: &str = r#"environment: test # a comment
listen: 127.0.0.1:8080
collector: {url: "http://127.0.0.1:4180", token: "sk-canary-7f3a9"}
providers:
  openai: {format: openai, url: "https://api.openai.com/v1", credential: sk-canary-7f3a9}
  block:
    format: openai
    url: https://api.openai.com/v1 # not the secret
    credential: sk-canary-7f3a9
models:
  chat:
    targets:
      - {provider: openai, model: gpt-5}
      - {provider: block, model: gpt-5, tier: 2}
keys:
  - {id: a, sha256: sk-canary-7f3a9, models: [chat]}
logging: {fingerprint_key: "sk-canary-7f3a9"}
"#;

fn said(source: &str) -> String {
    match compile(source, "gateway.yaml", 0) {
        Ok(compiled) => format!("{}{}", diagnostic::text(&compiled.warnings), compiled.document_json()),
        Err(problems) => diagnostic::text(&problems) + &diagnostic::json(&problems),
    }
}

/// Replaces a part of the policy.
fn damaged(at: usize, length: usize, put: &str) -> String {
    let end = (at + length).min(POLICY.len());
    // The policy is ASCII.
    let (before, after) = (POLICY.get(..at).unwrap_or_default(), POLICY.get(end..).unwrap_or_default());
    format!("{before}{put}{after}")
}

fn is_whole(source: &str) -> bool {
    source.matches(SECRET).count() == POLICY.matches(SECRET).count()
}

/// Returns the number of generated inputs: the larger one under `just soak`, which sets `HEADGATE_SOAK`.
fn cases(short: u32, long: u32) -> u32 {
    if std::env::var_os("HEADGATE_SOAK").is_some() { long } else { short }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(300, 2000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_does_not_panic(source in r"(?s).{0,400}") {
        said(&source);
    }

    #[test]
    fn yaml_characters_do_not_panic(
        source in r#"([a-z]{1,9}|[ \n\t:,\[\]{}&*#?|>'"!%@`-]|providers:|models:|\n  |- |\u{fe0f}|é){0,120}"#,
    ) {
        said(&source);
    }

    #[test]
    fn a_damaged_policy_shows_no_secret(
        at in 0..POLICY.len(),
        length in 0_usize..4,
        put in r#"([ \n:,\[\]{}&*#|>'"-]|  |: ){0,2}"#,
    ) {
        let source = damaged(at, length, &put);
        let said = said(&source);
        prop_assert!(!is_whole(&source) || !said.contains("canary"), "{source}\n{said}");
    }
}

#[test]
fn misplaced_credentials_are_not_shown() {
    let key = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
    for (place, value) in
        [("input: 1,", format!("input: {key},")), ("owner: a,", format!("owner: {key}, disabled: no,"))]
    {
        let policy = "prices: {x/y: {input: 1, output: 2}}\nkeys: [{id: a, owner: a, sha256: x}]\n";
        assert!(!said(&policy.replace(place, &value)).contains("ghp_"), "{place}");
    }
}

#[test]
fn values_with_an_anchor_are_not_shown() {
    let policy = "keys: [{id: &sha256: sk-canary-7f3a9, models: x}]";
    let said = said(policy);
    assert!(said.contains("`sha256` is missing") && !said.contains("canary"), "{said}");
}

#[test]
fn many_problems_on_one_line_are_reported() {
    let source = format!("keys: [{}]", "{id: a, owner: b, expires: never}, ".repeat(50_000));
    let problems = compile(&source, "gateway.yaml", 0).unwrap_err();
    assert!(problems.len() > 100 && problems.iter().all(|problem| problem.snippet.len() < 1_000));
}

#[test]
fn nesting_is_bounded() {
    for open in ["[", "{a: ", "- ", "? "] {
        let source = open.repeat(100_000);
        assert!(compile(&source, "gateway.yaml", 0).is_err());
    }
}

#[test]
fn aliases_cannot_multiply_the_file() {
    let mut source = "a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..200 {
        let before = level - 1;
        source += &format!("a{level}: &a{level} [*a{before}, *a{before}]\n");
    }
    assert!(compile(&source, "gateway.yaml", 0).is_err());
}

#[test]
fn aliases_of_large_parts_are_bounded() {
    let team = "team: &t [".to_owned() + &"x, ".repeat(20_000) + "]";
    let targets = format!("targets: &m [{{when: {{{team}}}}}{}]", ", {when: {team: *t}}".repeat(100));
    let source = format!("models:\n  m0: {{{targets}}}\n{}", "  m: {targets: *m}\n".repeat(100));
    let problems = compile(&source, "gateway.yaml", 0).unwrap_err();
    assert!(problems.iter().any(|problem| problem.message.contains("too large")), "{}", diagnostic::text(&problems));
}

#[test]
fn nesting_through_aliases_is_bounded() {
    let mut source = "a0: &a0 [x]\n".to_owned();
    for level in 1..200 {
        source += &format!("a{level}: &a{level} [[[[[[[[[[[[[[[*a{}]]]]]]]]]]]]]]]\n", level - 1);
    }
    let problems = compile(&source, "gateway.yaml", 0).unwrap_err();
    assert!(
        problems.iter().any(|problem| problem.message.contains("nested deeper")),
        "{}",
        diagnostic::text(&problems)
    );
}

#[test]
fn a_hundred_thousand_keys_compile() {
    let whole = POLICY.replace(&format!("sha256: {SECRET}"), &format!("sha256: {}", "a".repeat(64)));
    let mut source = whole.replace(&format!("\"{SECRET}\""), SECRET).replace(SECRET, "\"${NAME}\"");
    let logging = source.find("logging:").unwrap();
    let entries: String =
        (0..100_000).map(|n| format!("  - {{id: k{n}, sha256: {n:064x}, models: [\"ch*\"]}}\n")).collect();
    source.insert_str(logging, &entries);
    let compiled = compile(&source, "gateway.yaml", 0).unwrap();
    assert_eq!(compiled.document.keys.len(), 100_001);
}
