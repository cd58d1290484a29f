//! Finds credentials in a text with the detectors of guardrails.
//!
//! gateway.yaml refers to secrets by the names of variables. If an operator writes a secret itself, neither a diagnostic
//! nor a list of changes may repeat it.

use headgate_guardrails::{DetectorSpec, Group, Guard, KINDS};
use std::ops::Range;
use std::sync::LazyLock;

static DETECTORS: LazyLock<Option<Guard>> = LazyLock::new(|| {
    let kinds = vec!["secrets".to_owned()];
    Guard::compile(&[DetectorSpec { kinds, ..DetectorSpec::default() }]).ok()
});

/// Returns the byte ranges of credentials in a text.
#[must_use]
pub fn credentials(text: &str) -> Vec<Range<usize>> {
    // Without detectors any text could be one.
    let Some(guard) = DETECTORS.as_ref() else { return std::iter::once(0..text.len()).collect() };
    guard.find(text).into_iter().map(|finding| finding.start..finding.end).collect()
}

/// Returns whether a text is the name of a kind under `secrets`, and so not a secret itself.
#[must_use]
pub fn is_kind_of_secret(text: &str) -> bool {
    text == "all" || KINDS.iter().any(|row| row.group == Group::Secrets && row.name == text)
}
