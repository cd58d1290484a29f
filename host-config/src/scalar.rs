//! The single values of gateway.yaml: how each is written, read, and described.
//!
//! One function reads a kind of value, for the check and for the compiler alike. None of them quotes what it was
//! given: a value in the wrong place may be a secret.

mod moment;
mod money;
mod quantity;
mod text;
mod url;

pub use moment::unix_seconds;
pub use money::nano_usd;
pub use quantity::{bytes, count, flag, milliseconds, retention, status_or_word};
pub use text::{sha256, variable};
pub use url::{Url, socket, url};

use serde_json::json;

/// Statuses and words of `failover.on`.
pub const TRIGGERS: [&str; 5] = ["connect", "timeout", "reset", "429", "5xx"];

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
    /// An address of a provider or a collector.
    Url,
    /// An address to listen on.
    Socket,
    /// A SHA-256 in hex.
    Sha256,
    /// A date, or a date and time.
    Moment,
    /// What moves a request on to another target.
    Trigger,
    /// A provider's dialect.
    Format,
    /// US dollars.
    Money,
    /// A file.
    Path,
}

/// Why a text is not a value of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong; does not quote the text.
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// The text may be a secret: it must not be shown.
    pub hide: bool,
}

impl Wrong {
    pub(crate) fn new(message: &str, help: &str) -> Self {
        Self { message: message.to_owned(), help: help.to_owned(), hide: false }
    }

    pub(crate) fn hidden(message: &str, help: &str) -> Self {
        Self { hide: true, ..Self::new(message, help) }
    }
}

impl Scalar {
    /// Whether the text is a value of this kind.
    ///
    /// # Errors
    /// Why it is not, and what to write instead.
    pub fn check(self, value: &str) -> Result<(), Wrong> {
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
            Self::Duration => milliseconds(value).map(drop),
            Self::Timeout => quantity::timeout(value),
            Self::Retention => retention(value).map(drop),
            Self::Flag => flag(value).map(drop),
            Self::Count => count(value).map(drop),
            Self::Positive => quantity::positive(value),
            Self::Url => url(value).map(drop),
            Self::Socket => socket(value).map(drop),
            Self::Sha256 => sha256(value).map(drop),
            Self::Moment => unix_seconds(value).map(drop),
            Self::Trigger => status_or_word(value).map(drop),
            Self::Format => text::format(value),
            Self::Money => nano_usd(value).map(drop),
            Self::Path => text::path(value),
        }
    }

    /// JSON Schema of this kind. Looser than [`Self::check`] in places: editors need the shape, not the last rule.
    #[must_use]
    pub fn json_schema(self) -> serde_json::Value {
        let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
        match self {
            Self::Flag => json!({"type": "boolean"}),
            Self::Count => json!({"type": "integer", "minimum": 0}),
            Self::Positive => json!({"type": "integer", "minimum": 1}),
            Self::Size => {
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
            Self::Retention => text("^[1-9][0-9]*d$"),
            Self::Url => text("^https?://[^@?#]+$"),
            Self::Sha256 => text("^[0-9A-Fa-f]{64}$"),
            Self::Moment => text("^[0-9]{4}-[0-9]{2}-[0-9]{2}"),
            Self::Path => text("^/"),
            Self::Socket | Self::Text | Self::HeaderName | Self::TagName => json!({"type": "string", "minLength": 1}),
        }
    }

    /// How it is written, for the reference page and for messages.
    #[must_use]
    pub fn form(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Name => "name: letters, digits and `._:/@+-`, at most 128",
            Self::ProviderName => "name: `a-z`, `0-9`, `_` and `-`, at most 64",
            Self::Glob => "name or glob, `*` for any run of characters",
            Self::HeaderName => "header name, lower case",
            Self::TagName => "`a-z`, `0-9` and `-`, at most 64",
            Self::PriceName => "`provider/model`",
            Self::Variable => "`\"${NAME}\"`, a variable of the environment",
            Self::Size => "bytes, or with a unit: `20MiB`",
            Self::Duration | Self::Timeout => "`500ms`, `20s`, `5m`",
            Self::Retention => "days: `90d`",
            Self::Flag => "`true` or `false`",
            Self::Count => "whole number",
            Self::Positive => "whole number, at least 1",
            Self::Url => "`https://host[:port][/path]`",
            Self::Socket => "`address:port`",
            Self::Sha256 => "64 hex digits",
            Self::Moment => "`2027-01-01`, or RFC 3339 with a time",
            Self::Trigger => "`connect`, `timeout`, `reset`, `429`, `5xx`, or a status",
            Self::Format => "`openai` or `anthropic`",
            Self::Money => "US dollars: `1.25`",
            Self::Path => "absolute path",
        }
    }
}
