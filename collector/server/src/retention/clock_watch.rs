//! Compares the host's clock with the store's trusted time, and logs a message when they differ by more than a day.

use headgate_collector_db::StoreError;
use headgate_collector_store::{
    ClockSkew, Readers, RetentionMetrics, Store, TrustedTime, WriteHandle, note_trusted_time, trusted_time,
};
use headgate_collector_types::clock;
use jiff::Timestamp;

/// Access to the trusted time, and the last skew that was logged.
#[derive(Debug, Clone)]
pub(super) struct ClockWatch {
    writes: WriteHandle,
    readers: Readers,
    metrics: RetentionMetrics,
    logged: Option<ClockSkew>,
}

impl ClockWatch {
    pub(super) fn new(store: &Store, metrics: RetentionMetrics) -> Self {
        Self { writes: store.writes.clone(), readers: store.readers.clone(), metrics, logged: None }
    }

    /// Returns the time that retention uses now, µs.
    pub(super) async fn check(&mut self) -> Result<i64, StoreError> {
        let host = clock::host_us();
        let known = self.readers.query(trusted_time).await?;
        let skew = known.skew(host);
        let is_new = skew != self.logged;
        if is_new || known.is_stale(host) {
            let is_new_skew = is_new && skew.is_some();
            self.writes.transact(move |tx| note_trusted_time(tx, host, is_new_skew)).await?;
        }
        if is_new {
            log_skew(skew, &known, host);
            self.logged = skew;
        }
        known.apply_to_clock();
        let now = known.now(host);
        self.metrics.clock(host, now);
        Ok(now)
    }
}

fn log_skew(skew: Option<ClockSkew>, known: &TrustedTime, host: i64) {
    let text = |us| Timestamp::from_microsecond(us).map_or(String::new(), |at| at.strftime("%FT%TZ").to_string());
    let (host, now) = (text(host), text(known.now(host)));
    match skew {
        Some(ClockSkew::Ahead) => tracing::warn!(
            "the clock says {host} and the store knows of {now}: it has leapt, or no collector ran; nothing is deleted before its \
             time. If the clock is wrong, mend it. If it is right, an owner may say so: POST /v1/retention/clock with the time \
             of another clock; else retention catches up by itself, a day a day"
        ),
        Some(ClockSkew::Behind) => tracing::warn!(
            "the clock says {host} and the store knows of {now}: it has gone back. Mend it; until then time goes on from what \
             the store knows"
        ),
        None => tracing::info!("the clock and what the store knows of the time agree again: {host}"),
    }
}
