//! Findings with their places in a body, for people who try a policy.

use super::Guardrails;
use crate::document::Action;
use headgate_exchange::{BodyItem, visit_request};
use headgate_guardrails::Policies;
use std::ops::{ControlFlow, Range};

/// Most findings that are returned.
const MOST: usize = 1_000;

/// A finding in the body of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFinding {
    /// Id of the guardrail.
    pub guardrail: String,
    /// The action on it.
    pub action: Action,
    /// The kind, such as `email`.
    pub kind: &'static str,
    /// The bytes of the body, with the whole of every escape.
    pub at: Range<usize>,
}

/// Returns the findings of these guardrails in the texts of a body.
pub(crate) fn request_findings(guardrails: &Guardrails, set: Policies, body: &[u8]) -> Vec<RequestFinding> {
    let mut found = Vec::new();
    // A body that is no JSON has no texts.
    let _ = visit_request(body, &mut |item| {
        let BodyItem::Text(written) = item else { return };
        let text = written.unescaped_text();
        let _ = guardrails.guard.look_through(text.text.as_bytes(), set, |finding| {
            let guardrail = guardrails.get(finding.policy);
            found.extend(guardrail.map(|guardrail| RequestFinding {
                guardrail: guardrail.id.clone(),
                action: guardrail.action,
                kind: finding.kind.name(),
                at: text.written(finding.start..finding.end),
            }));
            if found.len() < MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
    });
    found.truncate(MOST);
    found
}
