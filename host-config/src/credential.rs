//! Finds what looks like a credential in a text, with the detectors that guardrails have.
//!
//! The check lets secrets into gateway.yaml by the names of variables alone. But people put them where they do not belong,
//! and then neither a message about the file nor a list of what changed may repeat them.

use headgate_guardrails::{DetectorSpec, Group, Guard, KINDS};
use std::ops::Range;
use std::sync::LazyLock;

static DETECTORS: LazyLock<Option<Guard>> = LazyLock::new(|| {
    let kinds = vec!["secrets".to_owned()];
    Guard::compile(&[DetectorSpec { kinds, ..DetectorSpec::default() }]).ok()
});

/// Where credentials stand in a text, in bytes.
#[must_use]
pub fn credentials(text: &str) -> Vec<Range<usize>> {
    // Without detectors everything might be one.
    let Some(guard) = DETECTORS.as_ref() else { return std::iter::once(0..text.len()).collect() };
    guard.find(text).into_iter().map(|finding| finding.start..finding.end).collect()
}

/// Whether a text is a name of what guardrails look for under `secrets`, and so is none itself.
#[must_use]
pub fn is_kind_of_secret(text: &str) -> bool {
    text == "all" || KINDS.iter().any(|row| row.group == Group::Secrets && row.name == text)
}
