//! Names the parts of guardrails that a text alone cannot test: it has no direction, no key, no tools.

use headgate_policy::document::Guardrail;

const ALL_APPLY: &str = "note: all guardrails of the policy are applied to the text, whatever their `on` and `match`; actions are only shown";

/// Returns a note about the parts of these guardrails that are ignored.
pub(super) fn note(guardrails: &[Guardrail]) -> String {
    let unchecked: Vec<String> = guardrails.iter().filter_map(unchecked).collect();
    match unchecked.is_empty() {
        true => format!("{ALL_APPLY}\n"),
        false => format!("{ALL_APPLY}\nnote: not checked here: {}\n", unchecked.join("; ")),
    }
}

/// Returns the keys of a guardrail that need a whole request or another service, with its id.
fn unchecked(guardrail: &Guardrail) -> Option<String> {
    let limits = &guardrail.limits;
    let keys = [
        ("`max_input`", limits.input_bytes.is_some()),
        ("`max_attachments`", limits.attachments.is_some()),
        ("`tools`", limits.tools_allow.is_some() || !limits.tools_deny.is_empty()),
        ("the external check", guardrail.external.is_some()),
    ];
    let used: Vec<&str> = keys.iter().filter(|(_, used)| *used).map(|(key, _)| *key).collect();
    (!used.is_empty()).then(|| format!("{} of {}", used.join(", "), guardrail.detect.policy))
}
