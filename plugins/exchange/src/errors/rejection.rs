//! The kinds of rejections, with their values.

use crate::request::ScanError;
use crate::word::is_model_name;

/// A request that the gateway answers with an error of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// No virtual key in any header.
    MissingKey,
    /// A key that the policy does not know.
    UnknownKey,
    /// The key has expired.
    KeyExpired {
        /// The key's id in the policy.
        key_id: String,
    },
    /// The key is disabled.
    KeyDisabled {
        /// The key's id in the policy.
        key_id: String,
    },
    /// The proxy tells no name of the caller, and virtual keys do not count.
    MissingIdentity,
    /// No rule is for this caller.
    UnknownIdentity,
    /// The key may not use this model.
    ModelNotAllowed {
        /// As the client named it.
        model: String,
        /// The key's id in the policy.
        key_id: String,
    },
    /// No such model.
    ModelNotFound {
        /// As the client named it.
        model: String,
    },
    /// The model exists, but none of its targets supports the API of the request.
    WrongApi {
        /// As the client named it.
        model: String,
        /// The path that serves it.
        served_at: &'static str,
    },
    /// The body cannot be read.
    BadBody(ScanError),
    /// The body is compressed, or in another charset than UTF-8.
    UnreadableBody {
        /// Whether the reason is `content-encoding`, else the charset of `content-type`.
        encoded: bool,
    },
    /// The body is larger than the policy allows.
    BodyTooLarge {
        /// Largest allowed size, bytes.
        limit: u64,
    },
    /// The request broke off or violated HTTP while its body was read.
    MalformedRequest,
    /// The body was not complete in time.
    RequestTimeout,
    /// Not a path of this gateway.
    UnknownPath,
    /// A path of this gateway, with another method.
    MethodNotAllowed {
        /// Value of the `allow` header.
        allow: &'static str,
    },
    /// The key may use some models only, and this field would let the provider use others.
    FieldNotAllowed {
        /// The field.
        field: &'static str,
        /// The key's id in the policy.
        key_id: String,
    },
    /// The provider answered with a redirect.
    ProviderRedirect,
    /// Every target failed or is in cooldown.
    AllTargetsUnavailable {
        /// The requested alias.
        model: String,
        /// Whole seconds after which a retry can help.
        retry_after_s: u64,
    },
    /// A guardrail rejects the request or the answer.
    Guardrail {
        /// The guardrail's id in the policy.
        id: String,
        /// Whether it is the answer that is rejected.
        answer: bool,
    },
    /// The request or the answer has more findings to mask than one exchange may have.
    TooManyFindings {
        /// The guardrail's id in the policy.
        id: String,
        /// Largest number of findings.
        limit: u32,
        /// Whether it is the answer that is rejected.
        answer: bool,
    },
    /// A guardrail cannot scan the prompt, because it consists of token ids.
    TokenIds {
        /// The guardrail's id in the policy.
        id: String,
    },
    /// A guardrail cannot scan the answer, because it is compressed or broken.
    UnreadableAnswer {
        /// The guardrail's id in the policy.
        id: String,
    },
    /// An external check did not answer, and the policy denies requests without it.
    GuardrailUnreachable {
        /// The guardrail's id in the policy.
        id: String,
    },
    /// A limit has no room for the request.
    RateLimited {
        /// Id of the limit.
        policy: String,
        /// The unit and period of the limit.
        scope: LimitScope,
        /// The part of it that is reached.
        reached: LimitReached,
        /// Whole seconds after which a retry can help; none if it never does.
        retry_after_s: Option<u64>,
    },
    /// A budget has no room for the request.
    BudgetExceeded {
        /// Id of the budget.
        policy: String,
        /// `day`, `week`, `month` or `total`.
        period: &'static str,
        /// Start of the next period, seconds since the Unix epoch.
        resets_at: Option<u64>,
        /// Whole seconds until then.
        retry_after_s: Option<u64>,
    },
    /// The prompt alone costs more than one request may.
    TooExpensive {
        /// Id of the limit.
        policy: String,
    },
    /// A stream has cost more than one request may.
    MaxCostReached {
        /// Id of the limit.
        policy: String,
    },
    /// A limit or a budget cannot be checked, and its policy denies requests then.
    LimitUnavailable {
        /// Id of the limit or the budget.
        policy: String,
        /// Whole seconds after which a retry can help.
        retry_after_s: u64,
    },
    /// The body has more strings than external checks accept.
    TooManyTexts,
    /// The memory for requests, or for answers that wait for a guardrail, is full.
    Overloaded {
        /// Whole seconds after which a retry can help.
        retry_after_s: u64,
    },
    /// The request uses a version of HTTP that the proxy does not support.
    HttpVersion,
    /// The request asks for another protocol, such as a WebSocket.
    UpgradeRefused,
    /// The request's headers are too many or too large.
    HeadersTooLarge,
    /// The request's headers violate HTTP.
    MalformedHead,
    /// The request's `transfer-encoding` is not `chunked`.
    TransferEncoding,
    /// The gateway's configuration is not valid.
    Misconfigured,
}

/// The part of a limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitReached {
    /// The whole limit, until its window ends.
    UsedUp,
    /// This proxy's share of it, until the next report to the collector.
    ShareUsedUp,
    /// The request alone exceeds the limit.
    TooLarge,
}

/// The unit and period of a limit, in the words of its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitScope {
    /// `requests`, `tokens`, `input_tokens`, `output_tokens` or `concurrency`.
    pub unit: &'static str,
    /// `second`, `minute`, `hour` or `day`; none for concurrency.
    pub period: Option<&'static str>,
}

impl std::fmt::Display for LimitScope {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.unit, self.period) {
            ("concurrency", _) => out.write_str("requests at a time"),
            (unit, Some(period)) => write!(out, "{} per {period}", unit.replace('_', " ")),
            (unit, None) => out.write_str(&unit.replace('_', " ")),
        }
    }
}

impl Rejection {
    /// Returns the id of the policy that decided: the key, or the alias whose targets are all unavailable.
    #[must_use]
    pub fn policy_id(&self) -> Option<&str> {
        match self {
            Self::KeyExpired { key_id }
            | Self::KeyDisabled { key_id }
            | Self::ModelNotAllowed { key_id, .. }
            | Self::FieldNotAllowed { key_id, .. } => Some(key_id),
            Self::AllTargetsUnavailable { model, .. } => named(model),
            Self::Guardrail { id, .. }
            | Self::TooManyFindings { id, .. }
            | Self::TokenIds { id }
            | Self::UnreadableAnswer { id }
            | Self::GuardrailUnreachable { id } => Some(id),
            Self::RateLimited { policy, .. }
            | Self::BudgetExceeded { policy, .. }
            | Self::TooExpensive { policy }
            | Self::MaxCostReached { policy }
            | Self::LimitUnavailable { policy, .. } => Some(policy),
            _ => None,
        }
    }

    /// Returns the value of `retry-after`, whole seconds.
    #[must_use]
    pub const fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::AllTargetsUnavailable { retry_after_s, .. }
            | Self::LimitUnavailable { retry_after_s, .. }
            | Self::Overloaded { retry_after_s } => Some(*retry_after_s),
            Self::RateLimited { retry_after_s, .. } | Self::BudgetExceeded { retry_after_s, .. } => *retry_after_s,
            _ => None,
        }
    }

    /// Returns whether to send `x-should-retry: false`, because an SDK would retry in vain by the status alone.
    #[must_use]
    pub const fn should_retry_false(&self) -> bool {
        matches!(
            self,
            Self::Misconfigured
                | Self::BudgetExceeded { .. }
                | Self::MaxCostReached { .. }
                | Self::RateLimited { retry_after_s: None, .. }
                | Self::Guardrail { .. }
                | Self::TooManyFindings { .. }
                | Self::UnreadableAnswer { .. }
                | Self::TooManyTexts
                | Self::ProviderRedirect
        )
    }

    /// Returns the value of the `allow` header.
    #[must_use]
    pub const fn allow(&self) -> Option<&'static str> {
        match self {
            Self::MethodNotAllowed { allow } => Some(allow),
            _ => None,
        }
    }
}

/// Returns the name of a model if it has the form of one. Anything else is payload, and no message repeats it.
pub(super) fn named(model: &str) -> Option<&str> {
    is_model_name(model).then_some(model)
}
