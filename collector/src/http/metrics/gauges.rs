//! Metrics that are looked up when somebody asks for them.
//!
//! Anyone may ask, so the store is asked at most every few seconds, and whoever asks in between sees what was seen then.
//! A store that cannot be read leaves the last numbers standing and `store_readable` at 0.

use crate::clock::{self, Stopwatch};
use crate::http::App;
use crate::store::{self, Overview};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Least time between two looks at the store.
const FRESH: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LogLabel {
    log: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

/// The gauges; clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauges {
    heads: Family<LogLabel, Gauge>,
    planes: Family<StateLabel, Gauge>,
    bytes: Gauge,
    names: Gauge,
    open_gaps: Gauge,
    unknown_ends: Gauge,
    missing_records: Gauge,
    readable: Gauge,
    readers_busy: Gauge,
    notes_waiting: Gauge,
    looked: Arc<Mutex<Option<Stopwatch>>>,
}

impl Gauges {
    /// Registers them all.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        registry.register("log_head", "Place of the last entry of each log", all.heads.clone());
        registry.register(
            "data_planes",
            "Data planes, by whether they were heard of lately, are silent, or have ended",
            all.planes.clone(),
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
    pub(super) async fn refresh(&self, app: &App) {
        let waiting = app.notes.waiting();
        self.readers_busy.set(i64::try_from(app.readers.busy()).unwrap_or(i64::MAX));
        self.notes_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|last| last.elapsed() < FRESH) {
            return;
        }
        let seen = app.readers.query(|db| store::overview(db, clock::now_us())).await;
        self.readable.set(i64::from(seen.is_ok()));
        if let Ok(seen) = seen {
            self.set(&seen);
        }
        *looked = Some(Stopwatch::start());
    }

    fn set(&self, seen: &Overview) {
        for (log, head) in [("requests", seen.requests_head), ("audit", seen.audit_head)] {
            self.heads.get_or_create(&LogLabel { log }).set(head);
        }
        let planes =
            [("live", seen.live_data_planes), ("stale", seen.stale_data_planes), ("ended", seen.ended_data_planes)];
        for (state, count) in planes {
            self.planes.get_or_create(&StateLabel { state }).set(count);
        }
        self.bytes.set(seen.bytes);
        self.names.set(seen.names);
        self.open_gaps.set(seen.open_gaps);
        self.unknown_ends.set(seen.unknown_ends);
        self.missing_records.set(seen.missing_records);
    }
}
