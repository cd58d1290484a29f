//! Compares guardrails on a stream, in any pieces, with guardrails on the whole text. Findings are spans of the text, and
//! no more text is held back than the guard allows. A file of its own, so that the tests of `guardrails` need no other crate.

use headgate_guardrails::{DetectorSpec, Finding, Guard, Policies, StreamScanner};

/// Checks a text. The first byte gives the size of the pieces in one of the readings.
pub(crate) fn guard(data: &[u8]) {
    let Some((&size, text)) = data.split_first() else {
        return;
    };
    thread_local!(static GUARD: Guard = compiled());
    GUARD.with(|guard| {
        let whole = guard.find_in(text, Policies::ALL);
        for finding in &whole {
            assert!(finding.start < finding.end && finding.end <= text.len(), "{finding:?}");
            assert!(finding.score > 0.0 && finding.score <= 1.0, "{finding:?}");
        }
        for size in [1, usize::from(size)] {
            assert_eq!(stream(guard, text, size), whole, "in pieces of {size}");
        }
    });
}

fn compiled() -> Guard {
    let kinds = ["secrets", "pii", "prompt_injection", "invisible_text"].map(str::to_owned).to_vec();
    let built_in = DetectorSpec { policy: "built-in".into(), kinds, threshold: Some(0.2), ..DetectorSpec::default() };
    let words = ["secret", "top secret", "秘密"].map(str::to_owned).to_vec();
    let patterns = [r"[A-Z]{3}-\d+\b", r"a.*b"].map(str::to_owned).to_vec();
    let own = DetectorSpec { policy: "own".into(), words, patterns, ..DetectorSpec::default() };
    Guard::compile(&[built_in, own]).expect("the specs are right")
}

fn stream(guard: &Guard, text: &[u8], size: usize) -> Vec<Finding> {
    let mut window = StreamScanner::new(Policies::ALL);
    let (mut findings, mut released) = (Vec::new(), Vec::new());
    for piece in text.chunks(size.max(1)) {
        let step = window.push(guard, piece);
        assert!(step.held <= guard.hold_limit(Policies::ALL));
        released.extend_from_slice(step.released);
        findings.extend(step.findings);
    }
    let step = window.finish(guard);
    released.extend_from_slice(step.released);
    findings.extend(step.findings);
    assert_eq!(released, text);
    findings
}
