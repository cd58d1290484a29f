//! Runs every case file on the stand-in for APISIX, all of them on one worker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]

mod common;

use common::{loaded, rendered, root};
use headgate_test_apisix::{expected, play_split};
use headgate_tests::{compare, load_all};

/// Time between two cases, s: limits and budgets of a day begin anew.
const PAUSE_S: u64 = 25 * 3_600;

/// Plays all cases on one worker, and returns those that have another outcome.
fn failures(split: &dyn Fn(&[u8]) -> Vec<Vec<u8>>) -> Vec<String> {
    let (rendered, loaded) = (rendered(), loaded());
    let mut nginx = rendered.start(&loaded);
    let each = load_all(&root().join("tests/cases")).into_iter().filter_map(|(path, case)| {
        let (outcome, mut faults) = play_split(&mut nginx, &rendered.document, &case, split);
        nginx.wait(PAUSE_S);
        faults.append(&mut nginx.vm.traps);
        faults.extend(compare(&expected(&case), &outcome).iter().map(ToString::to_string));
        let lines: String = faults.iter().map(|fault| format!("\n  {fault}")).collect();
        (!lines.is_empty()).then(|| format!("{}{lines}", path.display()))
    });
    each.collect()
}

#[test]
fn every_case_has_its_outcome() {
    let failures = failures(&|body| vec![body.to_vec()]);
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_case_has_its_outcome_byte_by_byte() {
    let failures = failures(&|body| body.iter().map(|byte| vec![*byte]).collect());
    assert!(failures.is_empty(), "{} cases failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn differences_have_a_reason() {
    let cases = load_all(&root().join("tests/cases"));
    let differing: Vec<_> =
        cases.iter().filter_map(|(path, case)| Some((path, case.expect.apisix.as_ref()?))).collect();
    for (path, apisix) in &differing {
        let sentence = apisix.because.split_whitespace().count() > 3 && apisix.because.ends_with('.');
        assert!(sentence, "{}: because says {:?}", path.display(), apisix.because);
    }
    assert!(differing.len() * 10 < cases.len(), "{} of {} cases differ", differing.len(), cases.len());
}
