//! The decisions of the stages on a request.

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
