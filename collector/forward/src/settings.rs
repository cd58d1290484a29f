//! The settings of a forwarder.

use headgate_collector_bucket::Bucket;
use headgate_collector_columns::Filter;
use headgate_collector_types::{Log, leaf_hash};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The time in which a batch must be acknowledged without a setting, as Splunk advises.
pub const DEFAULT_ACK_TIMEOUT: Duration = Duration::from_secs(300);

/// The kind of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Splunk's HTTP Event Collector, and what speaks like it.
    SplunkHec,
    /// OpenTelemetry logs, traces or metrics over HTTP, in JSON.
    Otlp,
    /// The bulk API of Elasticsearch and OpenSearch.
    Elasticsearch,
    /// Datadog's logs intake.
    Datadog,
    /// CloudEvents in batches.
    Webhook,
    /// Syslog (RFC 5424) over TCP or TLS.
    Syslog,
    /// Files in a bucket.
    ObjectStore,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::SplunkHec,
        Self::Otlp,
        Self::Elasticsearch,
        Self::Datadog,
        Self::Webhook,
        Self::Syslog,
        Self::ObjectStore,
    ];

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
            Self::ObjectStore => "object_store",
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

/// The form in which a receiver of OpenTelemetry gets requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// A log record for each entry.
    #[default]
    Logs,
    /// A span for each request and for each of its tries.
    Traces,
    /// Sums and histograms of requests.
    Metrics,
}

impl Signal {
    /// All signals.
    pub const ALL: [Self; 3] = [Self::Logs, Self::Traces, Self::Metrics];

    /// Returns the name in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }
}

/// The version of the GenAI conventions whose names are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Semconv {
    /// v0.1.0 of the conventions for GenAI.
    V0_1,
    /// v1.36 of the core conventions, which had others.
    V1_36,
    /// Both names of what was renamed.
    #[default]
    Both,
}

impl Semconv {
    /// All versions.
    pub const ALL: [Self; 3] = [Self::V0_1, Self::V1_36, Self::Both];

    /// Returns the name in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0_1 => "v0.1.0",
            Self::V1_36 => "v1.36",
            Self::Both => "both",
        }
    }
}

/// The form of files in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// An entry a line, compressed by gzip.
    #[default]
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

impl Encoding {
    /// All forms.
    pub const ALL: [Self; 2] = [Self::Ndjson, Self::Parquet];

    /// Returns the name in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }
}

/// A bucket, and when files are put into it.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The bucket.
    pub bucket: Bucket,
    /// How long entries may wait for a file to become full.
    pub every: Duration,
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
#[derive(Debug, Clone)]
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
    /// The signal, for a receiver of OpenTelemetry.
    pub signal: Signal,
    /// The names of its attributes.
    pub semconv: Semconv,
    /// The form of files in a bucket.
    pub encoding: Encoding,
    /// The bucket of an object store.
    pub archive: Option<Archive>,
    /// The first entry.
    pub start: Start,
    /// The index of Splunk; the beginning of the index or data stream of Elasticsearch.
    pub index: Option<String>,
    /// Only records that match all of these.
    pub filters: Vec<Filter>,
    /// The filter as it is written in the settings.
    pub filter_text: Option<String>,
    /// Whether a receiver that acknowledges later, such as Splunk, is asked until it has.
    pub awaits_acks: bool,
    /// The time in which a batch must be acknowledged; then it is sent again.
    pub ack_timeout: Duration,
    /// The key that signs calls to a webhook.
    pub signing_key: Option<Secret>,
    /// How long retention waits for entries that have expired and are not delivered yet.
    pub hold_until_forwarded: Option<Duration>,
    /// A file of certificates (PEM) that the receiver's certificate must be signed by, in place of the system's.
    pub ca_file: Option<PathBuf>,
}

impl Settings {
    /// Returns how long retention waits, µs.
    #[must_use]
    pub fn hold_us(&self) -> i64 {
        self.hold_until_forwarded.map_or(0, |time| i64::try_from(time.as_micros()).unwrap_or(i64::MAX))
    }

    /// Returns a text that differs when a setting differs. It reveals no secret: a random address cannot be guessed from it, and
    /// it is kept in the database only.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut text = format!(
            "{:?}\n{}\n{:?}\n{:?}\n{:?}\n{:?}",
            self.kind, self.url.0, self.logs, self.format, self.index, self.filter_text
        );
        // What came later counts only if it is set: an upgrade is no change of the settings.
        let mut add = |name: &str, value: &str| text.push_str(&format!("\n{name}={value}"));
        if self.signal != Signal::default() {
            add("signal", self.signal.as_str());
        }
        if self.semconv != Semconv::default() {
            add("semconv", self.semconv.as_str());
        }
        if self.encoding != Encoding::default() {
            add("encoding", self.encoding.as_str());
        }
        if !self.awaits_acks {
            add("acks", "off");
        }
        if self.ack_timeout != DEFAULT_ACK_TIMEOUT {
            add("ack_timeout", &self.ack_timeout.as_secs().to_string());
        }
        if self.signing_key.is_some() {
            add("signing_key", "set");
        }
        if let Some(hold) = self.hold_until_forwarded {
            add("hold_until_forwarded", &hold.as_secs().to_string());
        }
        leaf_hash(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}
