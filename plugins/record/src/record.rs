//! The record's fields, units and closed vocabularies. This file is the one place where they are named.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the record's shape, written into every record.
pub const SCHEMA: u8 = 1;

/// One client request, its attempts inside. All times are microseconds, all ids UUIDv7 unless said otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RequestRecord {
    /// Version of this shape: [`SCHEMA`].
    pub schema: u8,
    /// UUIDv7 of the request; the client sees it as `x-headgate-request-id`. A UUIDv4 if the proxy refused the request before
    /// the gateway saw it.
    pub id: String,
    /// The proxy that served it, as the proxy names itself (Envoy's `--service-node`).
    pub node: String,
    /// UUIDv7 made when the worker's VM started; `seq` counts within it.
    pub boot: String,
    /// 1, 2, 3 … within one (`node`, `boot`); a hole is a record that was lost.
    pub seq: u64,
    /// When the request's headers arrived, µs since the Unix epoch.
    pub started_at: u64,
    /// From the first request header to the last response byte, µs.
    pub duration_us: u64,
    /// From the first request header to the first byte of the answer's body, µs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_first_token_us: Option<u64>,
    /// Trace id of the caller's W3C `traceparent`: 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Id of the caller's span, from its W3C `traceparent`: 16 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<String>,
    /// The provider's own request id, from `x-request-id` or `request-id` of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_request_id: Option<String>,
    /// Revision of the policy that decided.
    pub config_revision: String,
    /// `environment` of the policy.
    pub environment: String,
    /// Who asked; absent when no key was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<CallerIdentity>,
    /// What the client said about itself in documented `x-headgate-*` headers.
    #[serde(default, skip_serializing_if = "ClientContext::is_empty")]
    pub client: ClientContext,
    /// Which API was spoken: `chat_completions`, `completions`, `embeddings`, `messages`, `count_tokens`, `models`,
    /// or `unknown`.
    pub surface: String,
    /// The alias the client asked for; absent if there was none or it was not shaped like a model name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_model: Option<String>,
    /// Who answered; absent when no provider did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_by: Option<ServedBy>,
    /// The model that the provider's answer names; absent if it names none that is shaped like a model name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_model: Option<String>,
    /// `service_tier` of the request, if it is a plain word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_service_tier: Option<String>,
    /// `service_tier` that the provider's answer names, if it is a plain word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<String>,
    /// `speed` of an Anthropic request, if it is a plain word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_speed: Option<String>,
    /// `speed` that the usage of an Anthropic answer names, if it is a plain word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<String>,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// The tries, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<AttemptRecord>,
    /// HTTP status the client saw; 0 when it left before there was one.
    pub status: u16,
    /// `stop`, `length`, `tool_calls`, `content_filter` …, as the provider said it for the first choice; of a message its
    /// `stop_reason`: `end_turn`, `max_tokens`, `tool_use` ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// What ended the exchange.
    pub ended_by: EndedBy,
    /// What each stage decided, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    /// Who said no, if anyone did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_by: Option<RejectedBy>,
    /// `error.code` of the gateway's rejection, such as `model_not_found`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Tokens; absent when nothing was generated or asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The parts of `usage` that other models than the served one account for, such as an advisor's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_models: Vec<ModelUsage>,
    /// Money; absent when there is no usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// What was done about the payload, in numbers.
    pub payload: PayloadFacts,
    /// Retention class the collector files it under.
    pub retention_class: String,
}

/// The virtual key and what it stands for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CallerIdentity {
    /// Id of the key in the policy, never the key.
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
    /// Tenant of the team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
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
    /// Whether the client said nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The provider and its model that answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ServedBy {
    /// Provider's name in the policy.
    pub provider: String,
    /// The provider's model name.
    pub model: String,
}

/// One try at one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AttemptRecord {
    /// Provider's name in the policy.
    pub provider: String,
    /// The provider's model name.
    pub model: String,
    /// Why this try was made.
    pub kind: AttemptKind,
    /// The provider's status; absent when it never answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it ended without a usable answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<AttemptError>,
    /// The provider's own `error.code`, else its `error.type` or `error.status`, if it is a plain word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_error: Option<String>,
    /// When the try began, µs after `started_at`.
    pub started_after_us: u64,
    /// Until its response headers, or until it failed, µs.
    pub latency_us: u64,
}

macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every word, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

vocabulary! {
    /// Why an attempt was made.
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
    /// Why an attempt ended without an answer that was passed on whole.
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
        /// 429, or an error under a success status that says the same.
        RateLimited = "rate_limited",
        /// 5xx, or an error under a success status.
        ServerError = "server_error",
        /// Any other status of 400 and above, or an error under a success status that says the same.
        ClientError = "client_error",
        /// A success status, and an answer with nothing in it.
        EmptyAnswer = "empty_answer",
        /// The client left while it ran.
        ClientGone = "client_gone",
        /// 3xx: it sent the request elsewhere, which is not followed.
        Redirect = "redirect",
    }
}

vocabulary! {
    /// Who or what ended the exchange.
    EndedBy {
        /// The last byte was sent.
        #[default]
        Complete = "complete",
        /// The client went away.
        Client = "client",
        /// The provider broke off after its first byte.
        Provider = "provider",
        /// The gateway answered by itself or cut the stream.
        Gateway = "gateway",
    }
}

vocabulary! {
    /// Who said no.
    RejectedBy {
        /// The policy, here.
        #[default]
        Gateway = "gateway",
        /// The provider, there.
        Provider = "provider",
    }
}

vocabulary! {
    /// What a stage decided.
    Verdict {
        /// Go on.
        #[default]
        Allow = "allow",
        /// Say no.
        Deny = "deny",
        /// Would have said no, were it not only watching.
        Monitor = "monitor",
        /// Go on, with something replaced.
        Mask = "mask",
        /// Go on, but a threshold was crossed.
        Warn = "warn",
    }
}

vocabulary! {
    /// Where token counts come from.
    UsageSource {
        /// The provider said so.
        #[default]
        Reported = "reported",
        /// Counted from bytes, because the provider did not say.
        Estimated = "estimated",
    }
}

vocabulary! {
    /// Why token counts are an estimate.
    EstimateReason {
        /// The answer was whole and told no usage.
        #[default]
        NotReported = "not_reported",
        /// The answer told counts of zero although it had text.
        Zero = "zero",
        /// The answer told counts that its bytes, or the model's limits, do not allow.
        Implausible = "implausible",
        /// The answer could not be read: it was compressed or not in the format of its API.
        Unreadable = "unreadable",
        /// The answer ended before it told its usage.
        EndedEarly = "ended_early",
    }
}

vocabulary! {
    /// Which way something went.
    Direction {
        /// From the client to a provider.
        #[default]
        Request = "request",
        /// From a provider to the client.
        Response = "response",
    }
}

/// What one stage decided, and by which policy.
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
    /// In which direction a guardrail looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Machine-readable reason, such as `model_not_allowed`; of a guardrail the kind of what was found, such as `email`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was measured, in the policy's unit; of a guardrail how often the kind was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<u64>,
    /// What was allowed, in the same unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// Token counts. `cached_input_tokens` and `cache_write_input_tokens` are parts of `input_tokens`,
/// `cache_write_1h_input_tokens` is part of the latter, `reasoning_tokens` part of `output_tokens`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Of the input, read from the provider's cache.
    #[serde(default)]
    pub cached_input_tokens: u64,
    /// Of the input, written to the provider's cache; absent when none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_input_tokens: u64,
    /// Of these, to be kept for an hour; absent when none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_1h_input_tokens: u64,
    /// Of the output, spent on reasoning.
    #[serde(default)]
    pub reasoning_tokens: u64,
    /// Said by the provider, or estimated.
    pub source: UsageSource,
    /// Why it is an estimate; absent when the provider's counts stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate_reason: Option<EstimateReason>,
}

/// What one request used of another model than the one that served it. The fields are as in [`Usage`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ModelUsage {
    /// The provider's model name.
    pub model: String,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Of the input, read from the provider's cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cached_input_tokens: u64,
    /// Of the input, written to the provider's cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_input_tokens: u64,
    /// Of these, to be kept for an hour.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_1h_input_tokens: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What it cost. Integer nano-USD: 1 USD = 1 000 000 000.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Nano-USD.
    pub nano_usd: u64,
    /// Which price list.
    pub price_revision: String,
    /// The model had no price of its own; the dearest known one of its provider was taken.
    #[serde(default)]
    pub assumed: bool,
}

/// The payload in numbers, and at most a keyed fingerprint of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PayloadFacts {
    /// Always `metadata_only`: the type has no room for anything else.
    pub mode: PayloadMode,
    /// Bytes of the request's body as the client sent it.
    pub request_bytes: u64,
    /// Bytes of the response's body as the provider sent it.
    pub response_bytes: u64,
    /// HMAC-SHA-256 of the request's body under `logging.fingerprint_key`, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_fingerprint: Option<String>,
    /// HMAC-SHA-256 of the provider's response body under `logging.fingerprint_key`, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_fingerprint: Option<String>,
    /// Content parts that are no text: images, audio, files.
    #[serde(default)]
    pub attachments: u32,
    /// How often what kind was replaced by a placeholder, in the request and in the answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redactions: BTreeMap<String, u32>,
}

vocabulary! {
    /// What the record keeps of the payload.
    PayloadMode {
        /// Numbers only.
        #[default]
        MetadataOnly = "metadata_only",
    }
}
