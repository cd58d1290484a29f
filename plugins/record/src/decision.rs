//! The decisions of the stages on a request.

use crate::json_object::JsonObject;
use crate::vocabulary::vocabulary;
use serde::{Deserialize, Serialize};

/// The decision of one stage, and the policy that caused it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// `keys`, `routing`, `guardrails`, …
    pub stage: String,
    /// Id of the policy within the stage, such as the key's or the alias's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_id: Option<String>,
    /// The decision.
    pub verdict: Verdict,
    /// The direction that a guardrail scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Machine-readable reason, such as `model_not_allowed`; for a guardrail the kind of finding, such as `email`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The measured value, in the policy's unit; for a guardrail the number of findings of the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<u64>,
    /// The allowed value, in the same unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

impl Decision {
    /// Writes the members.
    pub fn write(&self, member: &mut JsonObject<'_>) {
        member.text("stage", &self.stage);
        member.some_text("policy_id", self.policy_id.as_deref());
        member.word("verdict", self.verdict.as_str());
        member.some_text("direction", self.direction.map(Direction::as_str));
        member.some_text("reason", self.reason.as_deref());
        member.some("observed", self.observed);
        member.some("limit", self.limit);
    }
}

vocabulary! {
    /// The verdict of a stage.
    Verdict {
        /// The request may proceed.
        #[default]
        Allow = "allow",
        /// The request is rejected.
        Deny = "deny",
        /// The request would be rejected if the rule were enforced.
        Monitor = "monitor",
        /// The request proceeds with a part replaced.
        Mask = "mask",
        /// The request proceeds, and a threshold is crossed.
        Warn = "warn",
    }
}

vocabulary! {
    /// A direction of traffic.
    Direction {
        /// From the client to a provider.
        #[default]
        Request = "request",
        /// From a provider to the client.
        Response = "response",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_written_as_serde_writes_them() {
        let full = Decision {
            stage: "limits".to_owned(),
            policy_id: Some("a\\b".to_owned()),
            verdict: Verdict::Warn,
            direction: Some(Direction::Response),
            reason: Some("over".to_owned()),
            observed: Some(0),
            limit: Some(5),
        };
        for decision in [full, Decision::default()] {
            let mut out = Vec::new();
            JsonObject::write(&mut out, |member| decision.write(member));
            assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&decision).unwrap());
        }
    }
}
