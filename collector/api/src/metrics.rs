//! `/metrics`: the metrics of the HTTP API, and the page of all metrics.
//!
//! The values of labels are closed sets: the router's own patterns, statuses, outcomes. A path or a name never becomes a label.

mod gauges;

use gauges::Gauges;

use super::access_audit::AccessAudit;
use super::error::ApiError;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use headgate_collector_forward::ForwardMetrics;
use headgate_collector_store::{AnchorHealth, Readers, RetentionMetrics, SigningState, WitnessHealth, WriteMetrics};
use headgate_collector_types::clock::{self, Stopwatch};
use headgate_record::INGEST_PATH;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;

/// Upper bounds of the histogram of response times, seconds.
const SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// The media type of the page.
pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BatchLabels {
    outcome: &'static str,
}

/// The service's metrics; clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<HttpLabels, Counter>,
    batches: Family<BatchLabels, Counter>,
    seconds: Family<RouteLabel, Histogram, fn() -> Histogram>,
    gauges: Gauges,
    /// Audit entries of reads that were lost: they could not be written and the queue was full.
    pub(super) dropped_notes: Counter,
    /// The metrics of retention.
    pub retention: RetentionMetrics,
    /// The state of signing.
    pub signing: SigningState,
    /// The health of witnesses.
    pub witnesses: WitnessHealth,
    /// The health of anchors.
    pub anchors: AnchorHealth,
    /// The metrics of forwarders.
    pub forwarders: ForwardMetrics,
}

impl Metrics {
    /// Creates all metrics; returns them with the writer's part.
    #[must_use]
    pub fn new() -> (Self, WriteMetrics) {
        let mut registry = Registry::with_prefix("headgate_collector");
        let writes = WriteMetrics::register(&mut registry);
        let requests = Family::default();
        let batches = Family::default();
        let dropped_notes = Counter::default();
        let retention = RetentionMetrics::register(&mut registry);
        let signing = SigningState::register(&mut registry);
        let witnesses = WitnessHealth::register(&mut registry);
        let anchors = AnchorHealth::register(&mut registry);
        let forwarders = ForwardMetrics::register(&mut registry);
        registry.register("http_requests", "Requests by route and status", requests.clone());
        registry.register("batches", "Batches by outcome", batches.clone());
        registry.register(
            "dropped_notes",
            "Audit entries of reads and searches that could not be written and found no room to wait",
            dropped_notes.clone(),
        );
        let seconds = Family::new_with_constructor(histogram as fn() -> Histogram);
        registry.register_with_unit(
            "http_request_duration",
            "Time until the answer begins, by route",
            Unit::Seconds,
            seconds.clone(),
        );
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "This program", build);
        let gauges = Gauges::register(&mut registry);
        let registry = Arc::new(registry);
        let metrics = Self {
            registry,
            requests,
            batches,
            seconds,
            dropped_notes,
            gauges,
            retention,
            signing,
            witnesses,
            anchors,
            forwarders,
        };
        // Counters start at 0, since an alert on a rate needs a value before the first event.
        for outcome in ["acknowledged", "rejected", "unavailable"] {
            metrics.batches.get_or_create(&BatchLabels { outcome }).inc_by(0);
        }
        (metrics, writes)
    }

    /// Returns how deliveries of records have ended since this process started.
    pub(super) fn refused_deliveries(&self) -> Refused {
        let batches = |outcome| self.batches.get(&BatchLabels { outcome }).map_or(0, |count| count.get());
        let route = || INGEST_PATH.to_owned();
        let status = |status| self.requests.get(&HttpLabels { route: route(), status }).map_or(0, |count| count.get());
        Refused {
            token: status(401).saturating_add(status(403)),
            body: batches("rejected"),
            unavailable: batches("unavailable"),
            accepted: batches("acknowledged"),
        }
    }

    /// Counts a batch as `acknowledged`, `rejected` or `unavailable`.
    pub(super) fn batch(&self, outcome: &'static str) {
        self.batches.get_or_create(&BatchLabels { outcome }).inc();
    }
}

/// How deliveries of records have ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Refused {
    /// Without a token that may deliver.
    pub(super) token: u64,
    /// With a body that is no batch, or for a boot of another token.
    pub(super) body: u64,
    /// Because the store could not take them.
    pub(super) unavailable: u64,
    /// On disk.
    pub(super) accepted: u64,
}

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

/// Counts a response and its duration, as the layer of all routes.
pub(super) async fn count(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let watch = Stopwatch::start();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let seconds = watch.elapsed().as_secs_f64();
    metrics.seconds.get_or_create(&RouteLabel { route: route.clone() }).observe(seconds);
    metrics.requests.get_or_create(&HttpLabels { route, status }).inc();
    response
}

/// Handles `GET /metrics`.
pub(super) async fn page(
    State(metrics): State<Metrics>,
    State(readers): State<Readers>,
    State(audit): State<AccessAudit>,
) -> Result<Response, ApiError> {
    metrics.gauges.refresh(&readers, audit.pending()).await;
    metrics.anchors.refresh(clock::now_us());
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &metrics.registry).map_err(|_| ApiError::internal())?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS))], text).into_response())
}
