//! The single values of gateway.yaml: their notation, readers and descriptions.
//!
//! One function reads a kind of value, for the check and for the compiler alike. None quotes its input, because a value
//! in the wrong place may be a secret.

mod error;
mod guardrail;
mod money;
mod number;
mod quantity;
mod rate;
mod text;
mod time_zone;
mod timestamp;
mod url;
mod words;

pub use error::ScalarError;
pub use guardrail::{ACTIONS, DIRECTIONS, EXTERNALS, UNREACHABLE, share};
pub use money::nano_usd;
pub use quantity::{
    MAX_ATTEMPTS, TRIGGERS, attempts, bytes, count, flag, memory, milliseconds, retention, status_or_word,
};
pub use rate::{budget_period, dimension, percent, rate, when_unreachable};
pub use text::{sha256, variable};
pub use time_zone::time_zone;
pub use timestamp::unix_seconds;
pub use url::{Url, host_in_url, socket, url};

use headgate_guardrails::Group;
use headgate_policy::document::{AccessLogField, Stage};
use serde_json::json;

/// A kind of single value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// Any printable text of up to 256 characters.
    Text,
    /// A model's name, an alias, or an id.
    Name,
    /// A provider's name.
    ProviderName,
    /// Globs over names; `*` stands for any run of characters.
    Glob,
    /// A header's name, lower case.
    HeaderName,
    /// A word of a tag header.
    TagName,
    /// `provider/model`.
    PriceName,
    /// `${NAME}`, a variable of the environment.
    Variable,
    /// Bytes.
    Size,
    /// Memory: bytes, with or without a unit.
    Memory,
    /// A length of time.
    Duration,
    /// A length of time that is not 0.
    Timeout,
    /// Whole days.
    Retention,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Count,
    /// A whole number, at least 1.
    Positive,
    /// A number of attempts.
    Attempts,
    /// An address of a provider or a collector.
    Url,
    /// An address to listen on.
    Socket,
    /// A SHA-256 in hex.
    Sha256,
    /// A date, or a date and time.
    Timestamp,
    /// A condition for failover.
    Trigger,
    /// A provider's dialect.
    Format,
    /// US dollars.
    Money,
    /// A file, as the proxy sees it.
    Path,
    /// A file, as the command sees it.
    File,
    /// A provider's service tier.
    TierName,
    /// A browser's origin, or `*`.
    Origin,
    /// The direction that a guardrail scans.
    Direction,
    /// The action of a guardrail on a finding.
    Action,
    /// A kind of secret.
    SecretKind,
    /// A kind of personal data.
    PiiKind,
    /// A word or phrase to find.
    Phrase,
    /// A regular expression to find.
    Pattern,
    /// A host, or a host with all its subdomains.
    Host,
    /// Above 0 and up to 1.
    Share,
    /// An API that clients call.
    SurfaceName,
    /// A risk class.
    RiskClass,
    /// The protocol of an external check.
    ExternalKind,
    /// The handling of a request when an external check does not answer.
    Unreachable,
    /// An amount per time.
    Rate,
    /// A period of a budget.
    BudgetPeriod,
    /// A time zone.
    TimeZone,
    /// The action of a budget.
    BudgetAction,
    /// A percentage.
    Percent,
    /// The handling of requests while the collector is unreachable.
    WhenUnreachable,
    /// A dimension by which requests are counted.
    Dimension,
    /// A stage of the gateway.
    Stage,
    /// The party that routes.
    RoutingMode,
    /// A cluster of the proxy.
    ClusterName,
    /// A rule of the proxy that removes a header.
    Stripper,
    /// A field of a client certificate.
    CertificateField,
    /// A field of the proxy's access log.
    AccessLogField,
}

/// The risk classes, named as in the record.
pub const RISK_CLASSES: [&str; 3] = ["minimal", "limited", "high"];

/// Surfaces that carry prompts, named as in the record.
pub const SURFACES: [&str; 5] = ["chat_completions", "completions", "embeddings", "messages", "count_tokens"];

fn stages() -> [&'static str; Stage::ALL.len()] {
    Stage::ALL.map(Stage::as_str)
}

/// The parties that route.
pub const ROUTING_MODES: [&str; 2] = ["gateway", "proxy"];

/// Rules of the proxy that remove a header from the requests of clients.
pub const STRIPPERS: [&str; 2] = ["early_header_mutation", "header_mutation"];

/// Fields of a client certificate that tell a name.
pub const CERTIFICATE_FIELDS: [&str; 3] = ["subject", "uri_san", "dns_san"];
fn access_log_fields() -> [&'static str; AccessLogField::ALL.len()] {
    AccessLogField::ALL.map(|(_, name)| name)
}

impl Scalar {
    /// Checks whether the text is a value of this kind.
    ///
    /// # Errors
    /// Returns the reason why it is not, and the remedy.
    pub fn check(self, value: &str) -> Result<(), ScalarError> {
        match self {
            Self::Text => text::printable(value),
            Self::Name => text::name(value),
            Self::ProviderName => text::provider(value),
            Self::Glob => text::glob(value),
            Self::HeaderName => text::header(value),
            Self::TagName => text::tag(value),
            Self::PriceName => text::price(value),
            Self::Variable => variable(value).map(drop),
            Self::Size => bytes(value).map(drop),
            Self::Memory => memory(value).map(drop),
            Self::Duration => milliseconds(value).map(drop),
            Self::Timeout => quantity::timeout(value),
            Self::Retention => retention(value).map(drop),
            Self::Flag => flag(value).map(drop),
            Self::Count => count(value).map(drop),
            Self::Positive => quantity::positive(value),
            Self::Attempts => attempts(value).map(drop),
            Self::Url => url(value).map(drop),
            Self::Socket => socket(value).map(drop),
            Self::Sha256 => sha256(value).map(drop),
            Self::Timestamp => unix_seconds(value).map(drop),
            Self::Trigger => status_or_word(value).map(drop),
            Self::Format => text::format(value),
            Self::Money => nano_usd(value).map(drop),
            Self::Path => text::path(value),
            Self::File => text::file(value),
            Self::TierName => text::tier(value),
            Self::Origin => url::origin(value),
            Self::Direction => words::one_of(value, &DIRECTIONS),
            Self::Action => words::one_of(value, &ACTIONS),
            Self::SecretKind => guardrail::kind(value, Group::Secrets),
            Self::PiiKind => guardrail::kind(value, Group::Pii),
            Self::Phrase => guardrail::phrase(value),
            Self::Pattern => guardrail::pattern(value),
            Self::Host => guardrail::host(value),
            Self::Share => share(value).map(drop),
            Self::SurfaceName => words::one_of(value, &SURFACES),
            Self::RiskClass => words::one_of(value, &RISK_CLASSES),
            Self::ExternalKind => words::one_of(value, &EXTERNALS),
            Self::Unreachable => words::one_of(value, &UNREACHABLE),
            Self::Rate => rate(value).map(drop),
            Self::BudgetPeriod => budget_period(value).map(drop),
            Self::TimeZone => time_zone::known(value),
            Self::BudgetAction => rate::budget_action(value),
            Self::Percent => percent(value).map(drop),
            Self::WhenUnreachable => when_unreachable(value).map(drop),
            Self::Dimension => dimension(value).map(drop),
            Self::Stage => words::one_of(value, &stages()),
            Self::RoutingMode => words::one_of(value, &ROUTING_MODES),
            Self::ClusterName => text::printable(value),
            Self::Stripper => words::one_of(value, &STRIPPERS),
            Self::CertificateField => words::one_of(value, &CERTIFICATE_FIELDS),
            Self::AccessLogField => words::one_of(value, &access_log_fields()),
        }
    }

    /// Returns the JSON Schema of this kind. It is looser than [`Self::check`] in places: editors need the type, not every
    /// rule.
    #[must_use]
    pub fn json_schema(self) -> serde_json::Value {
        let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
        match self {
            Self::Flag => json!({"type": "boolean"}),
            Self::Count => json!({"type": "integer", "minimum": 0}),
            Self::Positive => json!({"type": "integer", "minimum": 1}),
            Self::Attempts => json!({"type": "integer", "minimum": 1, "maximum": MAX_ATTEMPTS}),
            Self::Size | Self::Memory => {
                json!({"type": ["integer", "string"], "minimum": 1, "pattern": "^[0-9]+ *([KMG]iB|[kKM]?B)?$"})
            }
            Self::Money => json!({"type": ["number", "string"], "minimum": 0, "pattern": r"^[0-9]+(\.[0-9]{1,9})?$"}),
            Self::Trigger => {
                json!({"anyOf": [{"enum": TRIGGERS}, {"type": "integer", "minimum": 400, "maximum": 599}]})
            }
            Self::Format => json!({"enum": ["openai", "anthropic"]}),
            Self::Name => text("^[A-Za-z0-9._:/@+-]{1,128}$"),
            Self::Glob => text("^[A-Za-z0-9._:/@+*-]{1,128}$"),
            Self::ProviderName => text("^[a-z0-9_-]{1,64}$"),
            Self::PriceName => text("^[a-z0-9_-]{1,64}/.+$"),
            Self::Variable => text(r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"),
            Self::Duration | Self::Timeout => text("^[0-9]+ *(ms|s|m|h)$"),
            Self::Retention => text("^([1-9][0-9]*d|eu-ai-act|pci-dss|hipaa)$"),
            Self::Url => text("^https?://[^@?#]+$"),
            Self::Sha256 => text("^[0-9A-Fa-f]{64}$"),
            Self::Timestamp => text("^[0-9]{4}-[0-9]{2}-[0-9]{2}"),
            Self::Path => text("^/"),
            Self::TierName => text("^[a-z0-9_-]{1,32}$"),
            Self::Origin => text(r"^(\*|https?://[^/?#@]+)$"),
            Self::Direction => json!({"enum": DIRECTIONS}),
            Self::Action => json!({"enum": ACTIONS}),
            Self::SecretKind => json!({"enum": guardrail::kinds(Group::Secrets)}),
            Self::PiiKind => json!({"enum": guardrail::kinds(Group::Pii)}),
            Self::SurfaceName => json!({"enum": SURFACES}),
            Self::RiskClass => json!({"enum": RISK_CLASSES}),
            Self::ExternalKind => json!({"enum": EXTERNALS}),
            Self::Unreachable => json!({"enum": UNREACHABLE}),
            Self::Share => json!({"type": ["number", "string"], "exclusiveMinimum": 0, "maximum": 1}),
            Self::Phrase | Self::Pattern | Self::Host => json!({"type": "string", "minLength": 1}),
            Self::Rate => text("^[0-9]+ *[kM]?/(s|min|h|day)$"),
            Self::BudgetPeriod => json!({"enum": rate::BUDGET_PERIODS}),
            Self::BudgetAction => json!({"enum": rate::BUDGET_ACTIONS}),
            Self::WhenUnreachable => json!({"enum": rate::WHEN_UNREACHABLE}),
            Self::Percent => json!({"type": "integer", "minimum": 1, "maximum": 100}),
            Self::Dimension => text(rate::DIMENSION_PATTERN),
            Self::AccessLogField => json!({"enum": access_log_fields()}),
            Self::TimeZone => text("^[A-Za-z0-9_+/-]+$"),
            Self::Stage => json!({"enum": stages()}),
            Self::RoutingMode => json!({"enum": ROUTING_MODES}),
            Self::Stripper => json!({"enum": STRIPPERS}),
            Self::CertificateField => json!({"enum": CERTIFICATE_FIELDS}),
            Self::ClusterName | Self::Socket | Self::Text | Self::File | Self::HeaderName | Self::TagName => {
                json!({"type": "string", "minLength": 1})
            }
        }
    }

    /// Returns the notation of this kind, for the reference page and for messages.
    #[must_use]
    pub fn form(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Name => "name: letters, digits and `._:/@+-`, at most 128",
            Self::ProviderName => "name: `a-z`, `0-9`, `_` and `-`, at most 64",
            Self::Glob => "name or glob, `*` for any run of characters",
            Self::HeaderName => "header name, lower case",
            Self::TagName => "`a-z`, `0-9` and `-`, at most 64",
            Self::PriceName => "`provider/model`, `*` for any run of characters of a model",
            Self::Variable => "`\"${NAME}\"`, a variable of the environment",
            Self::Size | Self::Memory => "bytes, or with a unit: `20MiB`",
            Self::Duration | Self::Timeout => "`500ms`, `20s`, `5m`",
            Self::Retention => "days: `90d`; `eu-ai-act` (183d), `pci-dss` (365d), `hipaa` (2192d)",
            Self::Flag => "`true` or `false`",
            Self::Count => "whole number",
            Self::Positive => "whole number, at least 1",
            Self::Attempts => "1 to 16",
            Self::Url => "`https://host[:port][/path]`",
            Self::Socket => "`address:port`",
            Self::Sha256 => "64 hex digits",
            Self::Timestamp => "`2027-01-01`, or RFC 3339 with a time",
            Self::Trigger => "`connect`, `timeout`, `reset`, `429`, `5xx`, or a status",
            Self::Format => "`openai` or `anthropic`",
            Self::Money => "US dollars: `1.25`",
            Self::Path => "absolute path",
            Self::File => "file",
            Self::TierName => "service tier: `flex`, `priority`, `fast`",
            Self::Origin => "origin: `https://app.example.com`, or `\"*\"` for any",
            Self::Direction => "`request`, `response`",
            Self::Action => "`block`, `mask`, `monitor`",
            Self::SecretKind => "kind of secret, such as `aws_access_key_id`",
            Self::PiiKind => "kind of personal data, such as `email`",
            Self::Phrase => "word or phrase",
            Self::Pattern => "regular expression",
            Self::Host => "host: `example.com`, `*.example.com`",
            Self::Share => "above 0, up to 1: `0.25`",
            Self::SurfaceName => "`chat_completions`, `completions`, `embeddings`, `messages`, `count_tokens`",
            Self::RiskClass => "`minimal`, `limited`, `high`",
            Self::ExternalKind => "`moderation`, `webhook`",
            Self::Unreachable => "`allow`, `deny`",
            Self::Rate => "`60/min`, `100k/min`, `5/s`, `1M/day`",
            Self::BudgetPeriod => "`day`, `week`, `month` or `total`",
            Self::TimeZone => "IANA name: `Europe/Berlin`",
            Self::BudgetAction => "`block` or `warn`",
            Self::Percent => "1 to 100",
            Self::WhenUnreachable => "`last_known`, `allow` or `deny`",
            Self::Stage => "`keys`, `routing`, `limits`, `guardrails`, `logging`",
            Self::RoutingMode => "`gateway` or `proxy`",
            Self::ClusterName => "name of a cluster",
            Self::Stripper => "`early_header_mutation` or `header_mutation`",
            Self::CertificateField => "`subject`, `uri_san` or `dns_san`",
            Self::Dimension => {
                "`key`, `owner`, `team`, `project`, `application`, `model`, `provider`, `organization`, `environment` or `tag:NAME`"
            }
            Self::AccessLogField => {
                "`request_id`, `model`, `provider`, `served_model`, `key`, `input_tokens`, `output_tokens`, `cost_usd` or `decision`"
            }
        }
    }
}
