//! Runs every case file on the stand-in for APISIX, all of them on one worker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]

mod common;

use common::{loaded, rendered, root};
use headgate_config::render::Answers;
use headgate_test_apisix::{expected, play};
use headgate_tests::{compare, load_all};

/// Time between two cases, s: limits and budgets of a day begin anew.
const PAUSE_S: u64 = 25 * 3_600;

#[test]
fn every_case_has_its_outcome() {
    let (rendered, loaded) = (rendered(Answers::Direct), loaded());
    let cases = load_all(&root().join("tests/cases"));
    let mut nginx = rendered.start(&loaded);
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|(path, case)| {
            let (outcome, mut faults) = play(&mut nginx, &rendered.document, case);
            nginx.wait(PAUSE_S);
            faults.append(&mut nginx.vm.traps);
            faults.extend(compare(&expected(case), &outcome).iter().map(ToString::to_string));
            let lines: String = faults.iter().map(|fault| format!("\n  {fault}")).collect();
            (!lines.is_empty()).then(|| format!("{}{lines}", path.display()))
        })
        .collect();
    assert!(failures.is_empty(), "{} of {} cases failed:\n{}", failures.len(), cases.len(), failures.join("\n"));
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
