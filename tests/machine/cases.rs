//! Every case file on the pure machines, and every answer at every split point.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]

use headgate_policy::Policy;
use headgate_record::EndedBy;
use headgate_tests::{Case, Outcome, drive, load_all, policy};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

const NOW_S: u64 = 1_790_000_000;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))
}

fn loaded_policy() -> Rc<Policy> {
    policy(&std::fs::read_to_string(folder().join("gateway.yaml")).unwrap(), NOW_S)
}

#[test]
fn every_case_ends_as_it_says() {
    let policy = loaded_policy();
    let cases = load_all(folder());
    assert!(cases.len() > 20, "only {} case files were found", cases.len());
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|(path, case)| {
            let outcome = drive(&policy, case, &|body| vec![body.to_vec()]);
            let problems = compare(case, &outcome);
            (!problems.is_empty()).then(|| format!("{}\n  {}", path.display(), problems.join("\n  ")))
        })
        .collect();
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn a_case_for_the_machines_alone_says_why_in_a_sentence() {
    for (path, case) in load_all(folder()) {
        let Some(reason) = &case.machine_only else { continue };
        let sentence = reason.split_whitespace().count() > 3 && reason.trim_end().ends_with('.');
        assert!(sentence, "{}: machine_only says {reason:?}", path.display());
    }
}

#[test]
fn every_answer_is_the_same_at_every_split_point_and_byte_by_byte() {
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

/// Equal in everything but time.
fn same(path: &Path, whole: &Outcome, split: &Outcome) {
    let timeless = |outcome: &Outcome| {
        let mut record = outcome.record.clone();
        record.duration_us = 0;
        record.time_to_first_token_us = None;
        if record.ended_by == EndedBy::Gateway && record.status == 200 {
            // Of a stream that was stopped, as much was seen as the last chunk brought.
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

fn compare(case: &Case, outcome: &Outcome) -> Vec<String> {
    let expect = &case.expect;
    let mut problems = Vec::new();
    if outcome.status != expect.status {
        problems.push(format!("status: {} instead of {}", outcome.status, expect.status));
    }
    compare_headers("response", &expect.headers, &outcome.headers, &mut problems);
    if let Some(body) = &expect.body
        && body.as_bytes() != outcome.body
    {
        problems.push(format!("body: {:?} instead of {body:?}", text(&outcome.body)));
    }
    if let Some(json) = &expect.json {
        let found: Value = serde_json::from_slice(&outcome.body).unwrap_or_default();
        compare_json("json", json, &found, &mut problems);
    }
    if outcome.aside != expect.record.is_null() {
        problems.push(format!("record: {}", if outcome.aside { "none" } else { "there is one" }));
    }
    if expect.record.is_null() {
        return problems;
    }
    compare_json("record", &expect.record, &serde_json::to_value(&outcome.record).unwrap(), &mut problems);
    compare_upstream(case, outcome, &mut problems);
    problems
}

fn compare_upstream(case: &Case, outcome: &Outcome, problems: &mut Vec<String>) {
    let Some(expected) = &case.expect.upstream else { return };
    if expected.len() != outcome.upstream.len() {
        problems.push(format!("{} tries instead of {}", outcome.upstream.len(), expected.len()));
    }
    for (index, (expected, found)) in expected.iter().zip(&outcome.upstream).enumerate() {
        if let Some(path) = &expected.path
            && found.headers.get(":path") != Some(path)
        {
            problems.push(format!("upstream {index}: path {:?} instead of {path:?}", found.headers.get(":path")));
        }
        compare_headers(&format!("upstream {index}"), &expected.headers, &found.headers, problems);
        if let Some(body) = &expected.body
            && body.as_bytes() != found.body
        {
            problems.push(format!("upstream {index}: body {:?} instead of {body:?}", text(&found.body)));
        }
    }
}

fn compare_headers(
    place: &str,
    expected: &BTreeMap<String, Option<String>>,
    found: &BTreeMap<String, String>,
    problems: &mut Vec<String>,
) {
    for (name, value) in expected {
        if found.get(name) != value.as_ref() {
            problems.push(format!("{place}: header {name} is {:?} instead of {value:?}", found.get(name)));
        }
    }
}

/// Every expected member is there; a list has as many items; null means absent.
fn compare_json(place: &str, expected: &Value, found: &Value, problems: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (name, value) in expected {
                compare_json(&format!("{place}.{name}"), value, found.get(name).unwrap_or(&Value::Null), problems);
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (index, (value, found)) in expected.iter().zip(found).enumerate() {
                compare_json(&format!("{place}[{index}]"), value, found, problems);
            }
        }
        (expected, found) if expected == found => {}
        (expected, found) => problems.push(format!("{place}: {found} instead of {expected}")),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
