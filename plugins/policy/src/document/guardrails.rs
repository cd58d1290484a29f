//! Guardrails in the policy document: their detectors, their scope and their external checks.
//!
//! The detectors' part has the form that the guardrails crate takes. The rest is for the policy alone.

pub use headgate_guardrails::{Action, DetectorSpec, UrlSpec};
use serde::{Deserialize, Serialize};

/// One guardrail. Its id and its action are in `detect`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    /// It looks at requests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_request: bool,
    /// It looks at answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_response: bool,
    /// Its detectors, its id and its action.
    pub detect: DetectorSpec,
    /// Masked values of a request are put back into the answer, in place of their placeholders.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restore: bool,
    /// For which requests; empty means all.
    #[serde(default, skip_serializing_if = "GuardrailMatch::is_empty")]
    pub only: GuardrailMatch,
    /// Bounds of a request.
    #[serde(default, skip_serializing_if = "RequestLimits::is_empty")]
    pub limits: RequestLimits,
    /// An external check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalCheck>,
}

/// All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardrailMatch {
    /// Id of the key matches one of these globs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Team of the key is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    /// The alias matches one of these globs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// The API is one of these, in the words of the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub surfaces: Vec<String>,
}

impl GuardrailMatch {
    /// Whether it holds for every request.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Bounds of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestLimits {
    /// Most bytes of prompt text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_bytes: Option<u64>,
    /// Most content parts that are no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<u32>,
    /// Globs over the names of the tools that may be offered; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools_allow: Option<Vec<String>>,
    /// Globs over the names of those that may not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools_deny: Vec<String>,
}

impl RequestLimits {
    /// Whether anything is let through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A check over HTTP. It gets every text of the request, after all masking.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalCheck {
    /// How it is asked.
    pub kind: ExternalKind,
    /// Cluster of the proxy.
    pub cluster: String,
    /// `host[:port]`.
    pub authority: String,
    /// Path.
    pub path: String,
    /// Environment variable with its bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_env: Option<String>,
    /// `model` of a moderation request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Milliseconds that the request waits for it.
    pub timeout_ms: u64,
    /// Of a million requests so many are checked.
    pub sample_ppm: u32,
    /// Whether a request passes without an answer.
    pub allow_unreachable: bool,
}

/// The protocol of an external check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExternalKind {
    /// As OpenAI's moderations: `{"input":[…]}` → `{"results":[{"flagged":true,"categories":{…}}]}`.
    #[default]
    Moderation,
    /// `{"guardrail","request_id","model","texts":[…]}` → `{"verdict":"allow"|"block","kind"?}`.
    Webhook,
}
