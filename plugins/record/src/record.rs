//! The record's fields and units. This file and those of the types that it uses are the one list of them.

use crate::attempt::AttemptRecord;
use crate::caller::{CallerIdentity, ClientContext};
use crate::decision::Decision;
use crate::payload::PayloadFacts;
use crate::usage::{Cost, ModelUsage, Usage};
use crate::vocabulary::vocabulary;
use serde::{Deserialize, Serialize};

/// Version of the record's schema, written into every record.
pub const SCHEMA: u8 = 1;

/// One client request, with its attempts. All times are microseconds, all ids UUIDv7 unless said otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RequestRecord {
    /// Version of this schema: [`SCHEMA`].
    pub schema: u8,
    /// UUIDv7 of the request; the client sees it as `x-headgate-request-id`. A UUIDv4 if the proxy refused the request before
    /// the gateway saw it.
    pub id: String,
    /// The proxy that served it, from Envoy's `--service-node`.
    pub node: String,
    /// UUIDv7 made when the worker's VM started; `seq` counts within it.
    pub boot: String,
    /// 1, 2, 3 … within one (`node`, `boot`). A missing number is a lost record.
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
    /// Id of the request's own span, below the caller's: the last 16 hex digits of `id`. Absent where the caller named no span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    /// The provider's own request id, from `x-request-id` or `request-id` of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_request_id: Option<String>,
    /// Revision of the policy that decided the request.
    pub config_revision: String,
    /// `environment` of the policy.
    pub environment: String,
    /// The caller; absent when no key was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<CallerIdentity>,
    /// Values that the client sent in documented `x-headgate-*` headers.
    #[serde(default, skip_serializing_if = "ClientContext::is_empty")]
    pub client: ClientContext,
    /// Surface of the request: `chat_completions`, `completions`, `embeddings`, `messages`, `count_tokens`, `models`, or
    /// `unknown`.
    pub surface: String,
    /// The alias the client asked for; absent if there was none or it was not shaped like a model name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_model: Option<String>,
    /// The provider and model that answered; absent when no provider did.
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
    /// HTTP status that the client received; 0 when it left before there was one.
    pub status: u16,
    /// The provider's finish reason for the first choice: `stop`, `length`, `tool_calls`, `content_filter` …; of a message
    /// its `stop_reason`: `end_turn`, `max_tokens`, `tool_use` ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// The cause of the end of the exchange.
    pub ended_by: EndedBy,
    /// The decision of each stage, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    /// The party that rejected the request; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_by: Option<RejectedBy>,
    /// `error.code` of the gateway's rejection, such as `model_not_found`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Token counts; absent when nothing was generated or sent to a provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The parts of `usage` that belong to other models than the served one, such as an advisor's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_models: Vec<ModelUsage>,
    /// Cost; absent when there is no usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Facts about the payload, in numbers.
    pub payload: PayloadFacts,
    /// Retention class under which the collector files the record.
    pub retention_class: String,
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

vocabulary! {
    /// The party that ended the exchange.
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
    /// The party that rejected a request.
    RejectedBy {
        /// The gateway, by its policy.
        #[default]
        Gateway = "gateway",
        /// The provider.
        Provider = "provider",
        /// Another plugin of the proxy, or another filter: its answer passed as it was.
        Host = "host",
    }
}
