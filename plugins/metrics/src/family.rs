//! The families of metrics: name, kind and labels of each.
//!
//! Names and labels are those of the OpenTelemetry GenAI conventions where these have one, in the notation of Prometheus.
//! Two things differ. Histograms of the host take whole numbers, so times are in milliseconds. And its histograms estimate
//! their sums, so tokens, which the conventions count in a histogram, are an exact counter.

/// The kind of a metric, as the host numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A count that only grows.
    Counter = 0,
    /// A level.
    Gauge = 1,
    /// A distribution of whole numbers.
    Histogram = 2,
}

/// A family of metrics: one name, and a series for each set of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Requests that are over.
    Requests,
    /// Time from the first byte of a request to the last of its answer.
    Duration,
    /// Time from the first byte of a request to the first of its stream.
    FirstToken,
    /// Tokens.
    Tokens,
    /// Tokens that are a part of those.
    TokenParts,
    /// Cost.
    Cost,
    /// Findings of guardrails.
    Findings,
    /// Records that found no room in the outbox.
    RecordsDropped,
    /// Records that wait for the collector.
    RecordsQueued,
}

pub(crate) const OPERATION: &str = "gen_ai_operation_name";
pub(crate) const MODEL: &str = "gen_ai_request_model";
pub(crate) const PROVIDER: &str = "gen_ai_provider_name";
pub(crate) const TOKEN_TYPE: &str = "gen_ai_token_type";
pub(crate) const STATUS_CLASS: &str = "status_class";
pub(crate) const OUTCOME: &str = "outcome";
pub(crate) const STAGE: &str = "stage";
pub(crate) const GUARDRAIL: &str = "guardrail";
pub(crate) const FINDING: &str = "finding";
pub(crate) const VERDICT: &str = "verdict";
pub(crate) const DIRECTION: &str = "direction";

/// Upper bounds of a request's duration, ms: those of `gen_ai.client.operation.duration`.
const DURATION_MS: [u32; 14] = [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240, 20_480, 40_960, 81_920];
/// Upper bounds of the time to the first token, ms: those of `gen_ai.server.time_to_first_token`.
const FIRST_TOKEN_MS: [u32; 16] = [1, 5, 10, 20, 40, 60, 80, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000];

impl Family {
    /// All families.
    pub const ALL: [Self; 9] = [
        Self::Requests,
        Self::Duration,
        Self::FirstToken,
        Self::Tokens,
        Self::TokenParts,
        Self::Cost,
        Self::Findings,
        Self::RecordsDropped,
        Self::RecordsQueued,
    ];

    /// Returns the name, as Prometheus shows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "headgate_requests_total",
            Self::Duration => "gen_ai_client_operation_duration_milliseconds",
            Self::FirstToken => "gen_ai_server_time_to_first_token_milliseconds",
            Self::Tokens => "gen_ai_client_token_usage_total",
            Self::TokenParts => "headgate_token_parts_total",
            Self::Cost => "headgate_cost_nano_usd_total",
            Self::Findings => "headgate_guardrail_findings_total",
            Self::RecordsDropped => "headgate_records_dropped_total",
            Self::RecordsQueued => "headgate_records_queued",
        }
    }

    /// Returns the kind.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Duration | Self::FirstToken => Kind::Histogram,
            Self::RecordsQueued => Kind::Gauge,
            _ => Kind::Counter,
        }
    }

    /// Returns the labels, in the order in which a name has them.
    #[must_use]
    pub const fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Requests => &[OPERATION, MODEL, PROVIDER, STATUS_CLASS, OUTCOME, STAGE],
            Self::Duration | Self::FirstToken | Self::Cost => &[OPERATION, MODEL, PROVIDER],
            Self::Tokens | Self::TokenParts => &[OPERATION, MODEL, PROVIDER, TOKEN_TYPE],
            Self::Findings => &[GUARDRAIL, FINDING, VERDICT, DIRECTION],
            Self::RecordsDropped | Self::RecordsQueued => &[],
        }
    }

    /// Returns the upper bounds of a histogram's buckets.
    #[must_use]
    pub const fn buckets(self) -> &'static [u32] {
        match self {
            Self::Duration => &DURATION_MS,
            Self::FirstToken => &FIRST_TOKEN_MS,
            _ => &[],
        }
    }
}

/// Returns every label, each once.
#[must_use]
pub fn labels() -> Vec<&'static str> {
    let mut labels: Vec<_> = Family::ALL.iter().flat_map(|family| family.labels()).copied().collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}
