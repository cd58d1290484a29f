//! Compares the scan over candidates with the scan that examines every place: on the whole text, and in the same pieces. Needs the
//! feature `reference` of `guardrails`.

use headgate_guardrails::{DetectorSpec, Finding, Guard, Policies, StreamScanner};

/// Checks a text. The first byte gives the size of the pieces in one of the readings.
pub(crate) fn candidates(data: &[u8]) {
    let Some((&size, text)) = data.split_first() else {
        return;
    };
    thread_local!(static GUARDS: [Guard; 2] = guards());
    GUARDS.with(|guards| {
        for guard in guards {
            assert_eq!(guard.find_in(text, Policies::ALL), guard.find_by_reference(text, Policies::ALL));
            for size in [1, usize::from(size), 64 + usize::from(size)] {
                let found = in_pieces(guard, StreamScanner::new(Policies::ALL), text, size);
                let expected = in_pieces(guard, StreamScanner::reference(Policies::ALL), text, size);
                assert_eq!(found, expected, "in pieces of {size}");
            }
        }
    });
}

/// All built-in kinds and rules of an operator; one kind alone.
fn guards() -> [Guard; 2] {
    let kinds = ["secrets", "pii", "prompt_injection", "invisible_text"].map(str::to_owned).to_vec();
    let built_in = DetectorSpec { policy: "built-in".into(), kinds, threshold: Some(0.2), ..DetectorSpec::default() };
    let words = ["secret", "top secret", "秘密", "k", "#"].map(str::to_owned).to_vec();
    let patterns = [r"[A-Z]{3}-\d+\b", r"a.*b", r"\bEMP-[0-9]{6}\b"].map(str::to_owned).to_vec();
    let own = DetectorSpec { policy: "own".into(), words, patterns, ..DetectorSpec::default() };
    let alone = DetectorSpec { policy: "alone".into(), kinds: vec!["birth_date".into()], ..DetectorSpec::default() };
    [vec![built_in, own], vec![alone]].map(|specs| Guard::compile(&specs).expect("the specs are right"))
}

fn in_pieces(guard: &Guard, mut window: StreamScanner, text: &[u8], size: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    for piece in text.chunks(size.max(1)) {
        findings.extend(window.push(guard, piece).findings);
    }
    findings.extend(window.finish(guard).findings);
    findings
}
