//! Gauges that are read from the store when `/metrics` is requested.
//!
//! The route needs no token, so the store is read at most every few seconds; requests in between get the last values.
//! If the store cannot be read, the gauges keep their last values and `store_readable` is 0.

use headgate_collector_store::{self as store, LogLabel, Overview, Readers};
use headgate_collector_types::Log;
use headgate_collector_types::clock::{self, Stopwatch};
use headgate_record::ProxyRefusal;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Minimum time between two reads of the store.
const MIN_INTERVAL: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabel {
    class: &'static str,
}

/// The gauges; clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauges {
    heads: Family<LogLabel, Gauge>,
    planes: Family<StateLabel, Gauge>,
    refusals: Family<ClassLabel, Gauge>,
    bytes: Gauge,
    names: Gauge,
    open_gaps: Gauge,
    unknown_ends: Gauge,
    missing_records: Gauge,
    readable: Gauge,
    readers_busy: Gauge,
    notes_waiting: Gauge,
    last_read: Arc<Mutex<Option<Stopwatch>>>,
}

impl Gauges {
    /// Registers all gauges.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        registry.register("log_head", "Place of the last entry of each log", all.heads.clone());
        registry.register(
            "data_planes",
            "Data planes, by whether they were heard of lately, are silent, or have ended",
            all.planes.clone(),
        );
        registry.register(
            "proxy_refusals",
            "Requests and connections that proxies refused by themselves, by class, as told by the workers of the last 30 days",
            all.refusals.clone(),
        );
        registry.register_with_unit("store_size", "Size of the database", Unit::Bytes, all.bytes.clone());
        let plain = [
            (
                "names",
                "Distinct names and values that are stored for filters and usage; they outlast the records",
                &all.names,
            ),
            ("open_gaps", "Runs of numbers whose records are missing", &all.open_gaps),
            ("unknown_ends", "Workers that fell silent without saying that they end", &all.unknown_ends),
            ("missing_records", "Records that are missing", &all.missing_records),
            ("store_readable", "Whether the store could be read just now", &all.readable),
            ("readers_busy", "Queries that run now", &all.readers_busy),
            ("notes_waiting", "Audit entries of reads that could not be written yet", &all.notes_waiting),
        ];
        for (name, about, gauge) in plain {
            registry.register(name, about, gauge.clone());
        }
        all
    }

    /// Looks at the store again, unless somebody has just done so.
    pub(super) async fn refresh(&self, readers: &Readers, pending: usize) {
        self.readers_busy.set(i64::try_from(readers.busy()).unwrap_or(i64::MAX));
        self.notes_waiting.set(i64::try_from(pending).unwrap_or(i64::MAX));
        let mut last_read = self.last_read.lock().await;
        if last_read.is_some_and(|last| last.elapsed() < MIN_INTERVAL) {
            return;
        }
        let overview = readers.query(|db| store::overview(db, clock::now_us())).await;
        self.readable.set(i64::from(overview.is_ok()));
        if let Ok(overview) = overview {
            self.set(&overview);
        }
        *last_read = Some(Stopwatch::start());
    }

    fn set(&self, overview: &Overview) {
        for (log, head) in [(Log::Requests, overview.requests_head), (Log::Audit, overview.audit_head)] {
            self.heads.get_or_create(&log.into()).set(head);
        }
        let planes = [
            ("live", overview.live_data_planes),
            ("stale", overview.stale_data_planes),
            ("ended", overview.ended_data_planes),
        ];
        for (state, count) in planes {
            self.planes.get_or_create(&StateLabel { state }).set(count);
        }
        for class in ProxyRefusal::ALL {
            let count = overview.refused_by_proxy.get(&class).copied().unwrap_or(0);
            let label = ClassLabel { class: class.as_str() };
            self.refusals.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.bytes.set(overview.bytes);
        self.names.set(overview.names);
        self.open_gaps.set(overview.open_gaps);
        self.unknown_ends.set(overview.unknown_ends);
        self.missing_records.set(overview.missing_records);
    }
}
