//! The fields of the proxy's own access log, as text. They are names of the policy, ids and numbers.

use super::close::Closing;
use super::state::Gate;
use crate::document::AccessLogField;
use headgate_record::{Decision, RejectedBy, Verdict};
use std::borrow::Cow;

/// Nano-dollars of a dollar.
const NANO: u64 = 1_000_000_000;

impl Gate {
    /// Returns the fields that the policy asks for, as far as the exchange has them.
    pub fn access_log<'a>(&'a self, closing: &'a Closing) -> impl Iterator<Item = (AccessLogField, Cow<'a, str>)> {
        let fields = self.call.policy.access_log_fields.iter();
        fields.filter_map(|field| Some((*field, self.access_log_field(*field, closing)?)))
    }

    fn access_log_field<'a>(&'a self, field: AccessLogField, closing: &'a Closing) -> Option<Cow<'a, str>> {
        let call = &self.call;
        let number = |number: u64| Cow::Owned(number.to_string());
        Some(match field {
            AccessLogField::RequestId => Cow::Owned(call.id.to_text()),
            AccessLogField::Model => Cow::Borrowed(call.model().or_else(|| self.alias_asked_for())?),
            AccessLogField::Provider => Cow::Borrowed(&*call.provider_of(call.served_try()?.step)?.name),
            AccessLogField::ServedModel => Cow::Borrowed(call.upstream(call.served_try()?.step)?.model.as_str()),
            AccessLogField::Key => Cow::Borrowed(call.caller.as_ref()?.key_id.as_str()),
            AccessLogField::InputTokens => number(closing.usage.as_ref()?.input_tokens),
            AccessLogField::OutputTokens => number(closing.usage.as_ref()?.output_tokens),
            AccessLogField::CostUsd => Cow::Owned(usd(closing.cost.as_ref()?.nano_usd)),
            AccessLogField::Decision => self.decision(),
        })
    }

    /// Returns the decision that weighs most, the last of equals: `deny limits per-key requests`. A refusal without a decision
    /// is one of the request's form, or of providers that did not answer: its code takes the place of the rule.
    fn decision(&self) -> Cow<'_, str> {
        let heaviest = self.decisions.iter().max_by_key(|decision| weight(decision.verdict));
        let refused = self.rejected_by == Some(RejectedBy::Gateway);
        match heaviest {
            Some(decision) if decision.verdict == Verdict::Deny || !refused => words(decision),
            _ => self
                .rejection
                .as_ref()
                .map_or(Cow::Borrowed("deny"), |rejection| Cow::Owned(format!("deny {}", rejection.code()))),
        }
    }
}

fn weight(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Allow => 0,
        Verdict::Warn => 1,
        Verdict::Monitor => 2,
        Verdict::Mask => 3,
        Verdict::Deny => 4,
    }
}

fn words(decision: &Decision) -> Cow<'_, str> {
    if decision.verdict == Verdict::Allow {
        return Cow::Borrowed(decision.verdict.as_str());
    }
    let rule = decision.policy_id.as_deref();
    let parts = [Some(decision.verdict.as_str()), Some(&decision.stage), rule, decision.reason.as_deref()];
    Cow::Owned(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// Writes nano-dollars as dollars, without zeros at the end.
fn usd(nano_usd: u64) -> String {
    let text = format!("{}.{:09}", nano_usd / NANO, nano_usd % NANO);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_dollars() {
        assert_eq!(
            [0, 1, 23_500, NANO, 12 * NANO + 500_000_000].map(usd),
            ["0", "0.000000001", "0.0000235", "1", "12.5"]
        );
    }

    #[test]
    fn a_decision_is_one_line() {
        let decision = Decision {
            stage: "limits".to_owned(),
            policy_id: Some("per-key".to_owned()),
            verdict: Verdict::Deny,
            reason: Some("requests".to_owned()),
            ..Decision::default()
        };
        assert_eq!(words(&decision), "deny limits per-key requests");
        assert_eq!(words(&Decision { policy_id: None, reason: None, ..decision.clone() }), "deny limits");
        assert_eq!(words(&Decision { verdict: Verdict::Allow, ..decision }), "allow");
    }
}
