//! Runs every case file on the pure machines, and every answer at every split point.
//!
//! `UPDATE_EXPECT=1 just unit` writes the expected values that differ into the case files; review the change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]

use headgate_policy::Policy;
use headgate_record::EndedBy;
use headgate_tests::{Outcome, bless, compare, drive, load_all, policy, record_in};
use std::path::Path;
use std::sync::Arc;

const NOW_S: u64 = 1_790_000_000;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))
}

fn loaded_policy() -> Arc<Policy> {
    policy(&std::fs::read_to_string(folder().join("gateway.yaml")).unwrap(), NOW_S)
}

#[test]
fn every_case_has_its_outcome() {
    let policy = loaded_policy();
    let cases = load_all(folder());
    assert!(cases.len() > 20, "only {} case files were found", cases.len());
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|(path, case)| {
            let outcome = drive(&policy, case, &|body| vec![body.to_vec()]);
            let problems = compare(case, &outcome);
            if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| !value.is_empty()) && !problems.is_empty() {
                let source = std::fs::read_to_string(path).unwrap();
                std::fs::write(path, bless(&source, &problems)).unwrap();
                return None;
            }
            let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
            (!lines.is_empty()).then(|| format!("{}{lines}", path.display()))
        })
        .collect();
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn machine_only_is_a_sentence() {
    for (path, case) in load_all(folder()) {
        let Some(reason) = &case.machine_only else { continue };
        let sentence = reason.split_whitespace().count() > 3 && reason.trim_end().ends_with('.');
        assert!(sentence, "{}: machine_only says {reason:?}", path.display());
    }
}

#[test]
fn answers_are_the_same_at_every_split() {
    let policy = loaded_policy();
    for (path, case) in load_all(folder()) {
        let Some(body) = case.providers.last().map(|act| act.body.len()).filter(|length| *length > 0) else { continue };
        let whole = drive(&policy, &case, &|body| vec![body.to_vec()]);
        for at in 0..=body {
            let split = drive(&policy, &case, &|body| {
                let (first, second) = body.split_at(at.min(body.len()));
                vec![first.to_vec(), second.to_vec()]
            });
            same(&path, &whole, &split);
        }
        let bytes = drive(&policy, &case, &|body| body.iter().map(|byte| vec![*byte]).collect());
        same(&path, &whole, &bytes);
    }
}

/// Asserts that two outcomes are equal in everything but time.
fn same(path: &Path, whole: &Outcome, split: &Outcome) {
    let timeless = |outcome: &Outcome| {
        let mut record = record_in(outcome);
        record.duration_us = 0;
        record.time_to_first_token_us = None;
        if record.ended_by == EndedBy::Gateway && record.status == 200 {
            // Of a stopped stream, the gate has seen only the bytes up to the end of the last chunk.
            record.finish_reason = None;
            record.usage = None;
            record.cost = None;
            record.payload.response_bytes = 0;
        }
        record
    };
    assert_eq!(text(&whole.body), text(&split.body), "{}", path.display());
    assert_eq!(whole.headers, split.headers, "{}", path.display());
    assert_eq!(timeless(whole), timeless(split), "{}", path.display());
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
