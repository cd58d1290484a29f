//! The caller of a request: the key and its identity, and the context that the client sent.

use crate::vocabulary::vocabulary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The virtual key and the identity that belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CallerIdentity {
    /// Id of the key in the policy, never the key; of a caller without a key, id of the rule that matched.
    pub key_id: String,
    /// Person or service the key belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Team of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Project of the key, else of its team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Application of the key, else of its team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Cost center of the team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_center: Option<String>,
    /// Use case of the key, else of its team: the purpose for which the model is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_case: Option<String>,
    /// Risk class of the key, else of its team, as the operator states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_class: Option<RiskClass>,
    /// Tenant of the team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The source of the request; absent for an application's key.
    #[serde(default, skip_serializing_if = "RequestSource::is_key")]
    pub source: RequestSource,
    /// How the caller was known; absent for a virtual key.
    #[serde(default, skip_serializing_if = "KnownBy::is_virtual_key")]
    pub known_by: KnownBy,
}

vocabulary! {
    /// The evidence by which a caller is known.
    KnownBy {
        /// A virtual key of the gateway.
        #[default]
        VirtualKey = "virtual_key",
        /// A header that a filter of the proxy set.
        Header = "header",
        /// A claim of a token that the proxy verified.
        JwtClaim = "jwt_claim",
        /// A certificate of the client.
        Certificate = "certificate",
    }
}

impl KnownBy {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_virtual_key(&self) -> bool {
        *self == Self::VirtualKey
    }
}

vocabulary! {
    /// The risk class of a use case, with the words of the EU AI Act.
    RiskClass {
        /// Minimal or no risk.
        #[default]
        Minimal = "minimal",
        /// Limited risk: there are duties of transparency.
        Limited = "limited",
        /// High risk: logs are kept for six months at least.
        High = "high",
    }
}

impl RiskClass {
    /// Returns the class with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|class| class.as_str() == name)
    }
}

vocabulary! {
    /// The source of a request, as its key tells it.
    RequestSource {
        /// An application's key.
        #[default]
        Key = "key",
        /// A key marked `playground: true`, with which people try models.
        Playground = "playground",
    }
}

impl RequestSource {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_key(&self) -> bool {
        *self == Self::Key
    }
}

/// Taken from `x-headgate-end-user`, `x-headgate-session-id`, `x-headgate-agent-id` and the allow-listed
/// `x-headgate-tag-NAME` headers, each at most 128 printable ASCII characters; and the class of the user agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClientContext {
    /// The end user's tag, as the client's own pseudonym.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_user: Option<String>,
    /// Conversation or session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Agent within the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Class of the user agent (`openai-python`, `curl`, `browser`, `other` …), never the header itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// At most 16 tags, names allow-listed by `logging.tags`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl ClientContext {
    /// Returns whether the client sent none of them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
