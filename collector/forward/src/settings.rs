//! The settings of a forwarder.

use headgate_collector_columns::Filter;
use headgate_collector_types::{Log, leaf_hash};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// The kind of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Splunk's HTTP Event Collector, and what speaks like it.
    SplunkHec,
    /// OpenTelemetry logs over HTTP, in JSON.
    Otlp,
    /// The bulk API of Elasticsearch and OpenSearch.
    Elasticsearch,
    /// Datadog's logs intake.
    Datadog,
    /// CloudEvents in batches.
    Webhook,
    /// Syslog (RFC 5424) over TCP or TLS.
    Syslog,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::SplunkHec, Self::Otlp, Self::Elasticsearch, Self::Datadog, Self::Webhook, Self::Syslog];

    /// Returns the name in settings and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SplunkHec => "splunk_hec",
            Self::Otlp => "otlp",
            Self::Elasticsearch => "elasticsearch",
            Self::Datadog => "datadog",
            Self::Webhook => "webhook",
            Self::Syslog => "syslog",
        }
    }
}

/// The form of an event's JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The entry as it is stored, byte for byte.
    #[default]
    Json,
    /// The Elastic Common Schema, with the entry in `headgate`.
    Ecs,
    /// API Activity of the Open Cybersecurity Schema Framework, with the entry in `unmapped`.
    Ocsf,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Json, Self::Ecs, Self::Ocsf];

    /// Returns the name in settings and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ecs => "ecs",
            Self::Ocsf => "ocsf",
        }
    }
}

/// The first entry that a new forwarder delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// The next one that is stored.
    #[default]
    Now,
    /// The oldest one that is kept.
    Oldest,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A forwarder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name, for the API, pages, metrics and the audit log.
    pub id: String,
    /// The kind of the receiver.
    pub kind: Kind,
    /// The address of the receiver: `https://HOST[:PORT][/PATH]`, or `tcp://` and `tls://` for syslog. It may hold a secret.
    pub url: Secret,
    /// The token or the whole `Authorization`, as the kind has it.
    pub token: Option<Secret>,
    /// The logs, in the order in which they are delivered.
    pub logs: Vec<Log>,
    /// The form of events.
    pub format: Format,
    /// The first entry.
    pub start: Start,
    /// The index of Splunk; the beginning of the index or data stream of Elasticsearch.
    pub index: Option<String>,
    /// Only records that match all of these.
    pub filters: Vec<Filter>,
    /// The filter as it is written in the settings.
    pub filter_text: Option<String>,
    /// A file of certificates (PEM) that the receiver's certificate must be signed by, in place of the system's.
    pub ca_file: Option<PathBuf>,
}

impl Settings {
    /// Returns a text that differs when a setting differs. It reveals no secret: a random address cannot be guessed from it, and
    /// it is kept in the database only.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let text = format!(
            "{:?}\n{}\n{:?}\n{:?}\n{:?}\n{:?}",
            self.kind, self.url.0, self.logs, self.format, self.index, self.filter_text
        );
        leaf_hash(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}
