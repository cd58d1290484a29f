//! The compiled policy document, which `headgate render` writes and the filter reads at start.
//!
//! It is the operator's gateway.yaml after every name has been resolved and every default filled in, so that the
//! filter has nothing left to decide when it loads: no YAML, no patterns to expand, no price catalogue. Credentials
//! stand in it as names of environment variables only.

mod access_log;
mod guardrails;
mod identity;
mod price;
mod stages;

pub use access_log::AccessLogField;
pub use guardrails::{
    Action, DetectorSpec, ExternalCheck, ExternalKind, Guardrail, GuardrailMatch, RequestLimits, UrlSpec,
};
pub use identity::{CertificateField, IdentityRule, IdentitySection, IdentitySource};
pub use price::{GlobPrice, Price, PriceVariant};
pub use stages::{Stage, Stages};

use headgate_record::RiskClass;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of this shape. A filter refuses a document of another version.
pub const DOCUMENT_SCHEMA: u8 = 1;

/// The whole policy, JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// [`DOCUMENT_SCHEMA`].
    pub schema: u8,
    /// First 16 hex digits of the SHA-256 of this document with an empty revision; in every record and every diff.
    pub revision: String,
    /// `environment`.
    pub environment: String,
    /// `organization`; empty if there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub organization: String,
    /// Stages that are on, unless a route of the proxy asks for a set of [`Document::stage_sets`].
    #[serde(default, skip_serializing_if = "Stages::is_all")]
    pub stages: Stages,
    /// Other sets of stages, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stage_sets: BTreeMap<String, Stages>,
    /// Callers without a virtual key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentitySection>,
    /// Largest request body, bytes. Larger ones answer 413.
    pub max_request_bytes: u64,
    /// Most bytes that the requests of one worker's VM hold at a time, and answers that wait for a guardrail. More answers
    /// 503.
    #[serde(default = "default_max_memory", skip_serializing_if = "is_default_max_memory")]
    pub max_memory: u64,
    /// Percent of the reserved output that a client is charged that leaves before the usage is known.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub disconnect_charge_percent: u8,
    /// Providers.
    pub providers: Vec<Provider>,
    /// Aliases, in the order of gateway.yaml.
    pub models: Vec<Model>,
    /// Teams, referred to by name from keys.
    #[serde(default)]
    pub teams: Vec<Team>,
    /// Virtual keys.
    #[serde(default)]
    pub keys: Vec<Key>,
    /// Guardrails on prompts and answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<Guardrail>,
    /// Limits, then budgets, each in the order of gateway.yaml.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<headgate_limits::Rule>,
    /// Which web pages may call from a browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Rules for the content of records.
    pub logging: Logging,
    /// The collector for records; without it they are not delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collector: Option<Collector>,
    /// A proxy that began at this time or before is to end soon, ms since the Unix epoch: `headgate drain` writes it. It serves on,
    /// and says goodbye to the collector whenever nothing is left to deliver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending_at_ms: Option<u64>,
    /// Whether the filter counts requests in metrics of the proxy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub metrics: bool,
}

/// A VM ends near 1 GiB and never gives memory back. Beside this it needs room for the records that wait (64 MiB), the
/// policy, and the copies that a single step makes of one body.
pub const DEFAULT_MAX_MEMORY: u64 = 256 << 20;

fn default_max_memory() -> u64 {
    DEFAULT_MAX_MEMORY
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_default_max_memory(bytes: &u64) -> bool {
    *bytes == DEFAULT_MAX_MEMORY
}

/// One provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its name; also the value of the routing state and the name of its cluster.
    pub name: String,
    /// Dialect it speaks.
    pub format: Format,
    /// `host[:port]` for the `:authority` of its requests.
    pub authority: String,
    /// The part of the path before `/chat/completions` or `/v1/messages`, without a slash at the end; `/v1` for
    /// `https://api.openai.com/v1`, empty for `https://api.anthropic.com`.
    pub path_prefix: String,
    /// Prices of models that it may use by itself beside the one that is asked, such as an advisor. Where the proxy routes,
    /// prices of all its models that are known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub model_prices: BTreeMap<String, Price>,
    /// Clusters of the proxy that lead to it, where the proxy routes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<String>,
    /// Prices of models that are not among [`Provider::model_prices`]: the first whose glob matches, else the last one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub price_globs: Vec<GlobPrice>,
    /// It refuses `stream_options`, so that it is not asked to tell the usage of a stream.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refuses_stream_options: bool,
    /// `scheme://host[:port]` that the filter itself calls, on a host where no filter runs in a provider's cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Environment variable with its credential; none is sent without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_env: Option<String>,
}

const fn all() -> u8 {
    100
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_all(percent: &u8) -> bool {
    *percent == all()
}

/// The value of the routing state by which a try at this provider gets a connection that nobody has used before. No
/// provider's name has a `#`.
#[must_use]
pub fn fresh_route(provider: &str) -> String {
    format!("{provider}#fresh")
}

/// Returns the provider of a value of the routing state, with or without a fresh connection.
#[must_use]
pub fn provider_of_route(route: &str) -> &str {
    route.split_once('#').map_or(route, |(provider, _)| provider)
}

/// Number of times that the proxy may try again for a plan of so many tries: each may be made once more on a fresh connection.
#[must_use]
pub fn retries(attempts: u32) -> u32 {
    attempts.saturating_sub(1).saturating_mul(2).saturating_add(1)
}

/// Number of retries of the route, of which a request may have fewer: those of the alias with the most attempts.
#[must_use]
pub fn most_retries(models: &[Model]) -> u32 {
    retries(models.iter().map(|model| model.failover.attempts).max().unwrap_or(1))
}

/// Dialect of a provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// OpenAI's API.
    #[default]
    Openai,
    /// Anthropic's Messages API.
    Anthropic,
}

/// An alias that clients ask for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The alias.
    pub name: String,
    /// The targets.
    pub targets: Vec<Target>,
    /// Rules for another try.
    pub failover: Failover,
}

/// One way to serve an alias.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Index into [`Document::providers`].
    pub provider: u32,
    /// The provider's model name.
    pub model: String,
    /// Share within its tier; 0 takes it out of rotation.
    pub weight: u32,
    /// Lower tiers are used first.
    pub tier: u32,
    /// Holds for which requests; empty means all.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub when: Condition,
    /// Its price.
    pub price: Price,
    /// Most tokens of one prompt, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
}

/// All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Header (lower case) equals the value, or matches it as a glob (`*` only); every entry must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderMatch>,
    /// Team of the key is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    /// Id of the key matches one of these globs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// The request asks for a stream, or for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// Bytes of prompt text, at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_bytes_min: Option<u64>,
    /// Bytes of prompt text, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_bytes_max: Option<u64>,
}

impl Condition {
    /// Whether it holds for every request.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One header of a [`Condition`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderMatch {
    /// Lower-case name.
    pub name: String,
    /// Glob over the value.
    pub value: String,
}

/// When and how often to try elsewhere, before the first byte only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failover {
    /// No connection.
    pub on_connect: bool,
    /// No first byte in time.
    pub on_timeout: bool,
    /// Connection broken before the response headers.
    pub on_reset: bool,
    /// Any 5xx.
    pub on_5xx: bool,
    /// These statuses, 429 among them if wanted.
    #[serde(default)]
    pub on_status: Vec<u16>,
    /// Tries in all, at least 1.
    pub attempts: u32,
    /// Milliseconds to the response headers of one try.
    pub first_byte_timeout_ms: u64,
    /// Milliseconds a failed target rests when the provider does not say how long.
    pub cooldown_ms: u64,
}

/// A team.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// Its name.
    pub name: String,
    /// Default for its keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Default for its keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Default for its keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_case: Option<String>,
    /// Default for its keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_class: Option<RiskClass>,
    /// The cost center.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_center: Option<String>,
    /// Tenant it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// A virtual key, by its hash.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Its id.
    pub id: String,
    /// SHA-256 of the key, 64 hex digits.
    pub sha256: String,
    /// Its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Index into [`Document::teams`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<u32>,
    /// Overrides the team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Overrides the team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Overrides the team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_case: Option<String>,
    /// Overrides the team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_class: Option<RiskClass>,
    /// Globs over aliases; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// Seconds since the Unix epoch from which on it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Refused while true.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// People try models with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub playground: bool,
}

/// Which web pages may call from a browser.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins as browsers send them, or `*`.
    pub origins: Vec<String>,
    /// Whether browsers may send cookies and the like.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub credentials: bool,
    /// Time for which a browser may keep the answer to a preflight, s.
    pub max_age_s: u64,
}

/// The content of records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// Environment variable with the key of the fingerprints; without it none are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint_key_env: Option<String>,
    /// Names of the `x-headgate-tag-NAME` headers that are kept, at most 16.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Class the collector files records under.
    pub retention_class: String,
    /// Fields for the proxy's own access log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access_log_fields: Vec<AccessLogField>,
}

/// The collector for records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collector {
    /// Cluster of the proxy.
    pub cluster: String,
    /// `host[:port]`.
    pub authority: String,
    /// The part of the path before `/v1/ingest/requests`, without a slash at the end; usually empty.
    pub path_prefix: String,
    /// Environment variable with the ingest token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// Interval between reports of counts, ms.
    pub sync_interval_ms: u64,
    /// Without an answer for this long, ms, it counts as unreachable.
    pub stale_after_ms: u64,
}
