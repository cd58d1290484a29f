//! An attempt, as the record has it.

use crate::vocabulary::vocabulary;
use serde::{Deserialize, Serialize};

/// One try at one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AttemptRecord {
    /// Provider's name in the policy.
    pub provider: String,
    /// The provider's model name.
    pub model: String,
    /// The reason for this try.
    pub kind: AttemptKind,
    /// The provider's status; absent when it did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The reason why it gave no usable answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<AttemptError>,
    /// The provider's own `error.code`, else its `error.type` or `error.status`, if it is a plain word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_error: Option<String>,
    /// When the try began, µs after `started_at`.
    pub started_after_us: u64,
    /// From the beginning of the try to its response headers or its failure, µs.
    pub latency_us: u64,
    /// Id of the try's span, which its provider got in `traceparent`: the request's plus the number of the try, from 1. Absent where
    /// the proxy made the try, or the caller named no span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
}

vocabulary! {
    /// The reason for an attempt.
    AttemptKind {
        /// The first one.
        #[default]
        First = "first",
        /// The same target once more.
        Retry = "retry",
        /// Another target than the one before.
        Failover = "failover",
    }
}

vocabulary! {
    /// The reason why an attempt gave no answer that was passed on whole.
    AttemptError {
        /// No connection could be made (refused, unreachable, TLS, DNS).
        #[default]
        Connect = "connect",
        /// The answer did not begin within `first_byte_timeout`.
        Timeout = "timeout",
        /// The connection broke before the response headers.
        Reset = "reset",
        /// The connection broke after the response headers.
        ResetMidStream = "reset_mid_stream",
        /// 429, or an equivalent error under a success status.
        RateLimited = "rate_limited",
        /// 5xx, or an error under a success status.
        ServerError = "server_error",
        /// Any other status of 400 and above, or an equivalent error under a success status.
        ClientError = "client_error",
        /// A success status with an empty answer.
        EmptyAnswer = "empty_answer",
        /// The client left during the attempt.
        ClientGone = "client_gone",
        /// 3xx: a redirect, which is not followed.
        Redirect = "redirect",
        /// The proxy tried again by itself, and told nothing more of this try.
        NotSeen = "not_seen",
    }
}
