//! The calls about a root, about a logger, and about the schedulers that wake them.

#![allow(unsafe_code, reason = "as for the module above")]

use super::{
    Bytes, Field, Logger, Map, Metric, Root, RootScheduler, StreamScheduler, copy, define_counter, define_gauge,
    define_histogram, log_client, log_code_details, log_flags, log_headers, log_headers_size, log_transport_failure,
    log_upstream_connection, root_call, root_increment_counter, root_record_histogram, root_reset_call,
    root_scheduler_commit, root_scheduler_delete, root_scheduler_new, root_set_gauge, stream_scheduler_commit,
    stream_scheduler_delete, with_fields,
};
use headgate_metrics::Kind;

impl StreamScheduler {
    pub(crate) fn wake(self) {
        // SAFETY: it is not deleted yet: `clock` has it.
        unsafe { stream_scheduler_commit(self, 0) }
    }

    pub(crate) fn delete(self) {
        // SAFETY: `clock` deletes it once.
        unsafe { stream_scheduler_delete(self) }
    }
}

impl RootScheduler {
    pub(crate) fn wake(self) {
        // SAFETY: as for a stream.
        unsafe { root_scheduler_commit(self, 0) }
    }

    pub(crate) fn delete(self) {
        // SAFETY: as for a stream.
        unsafe { root_scheduler_delete(self) }
    }
}

impl Root {
    /// Sends a request, on the main thread. Returns its number, or the host's refusal.
    pub(crate) fn call(self, to: &str, fields: &[(&str, &str)], body: &[u8], timeout_ms: u64) -> Result<u64, u32> {
        let fields: Vec<Field> = fields.iter().map(Field::of).collect();
        let (mut id, to, body) = (0, Bytes::of(to.as_bytes()), Bytes::of(body));
        // SAFETY: all bytes outlive the call.
        let refused =
            unsafe { root_call(self, &raw mut id, to, fields.as_ptr(), fields.len(), body, true, timeout_ms) };
        if refused == 0 { Ok(id) } else { Err(refused) }
    }

    /// Resets a call, on the main thread. The host tells of its end meanwhile.
    pub(crate) fn reset_call(self, id: u64) {
        // SAFETY: the root is there: the end of one with a call comes later, or waits, see `calls`.
        unsafe { root_reset_call(self, id) }
    }

    pub(crate) fn scheduler(self) -> RootScheduler {
        // SAFETY: the root is there.
        unsafe { root_scheduler_new(self) }
    }

    /// Makes the host know a metric with these labels, while the root is made.
    pub(crate) fn define(self, kind: Kind, name: &str, labels: &[&str]) -> Option<Metric> {
        let define = match kind {
            Kind::Counter => define_counter,
            Kind::Gauge => define_gauge,
            Kind::Histogram => define_histogram,
        };
        let labels: Vec<Bytes> = labels.iter().map(|label| Bytes::of(label.as_bytes())).collect();
        let mut id = 0;
        // SAFETY: all bytes outlive the call.
        let refused = unsafe { define(self, Bytes::of(name.as_bytes()), labels.as_ptr(), labels.len(), &raw mut id) };
        (refused == 0).then_some(Metric { kind, id })
    }

    /// Adds to a counter, sets a gauge, or adds a value to a histogram.
    pub(crate) fn update(self, metric: Metric, values: &[&str], amount: u64) -> bool {
        let update = match metric.kind {
            Kind::Counter => root_increment_counter,
            Kind::Gauge => root_set_gauge,
            Kind::Histogram => root_record_histogram,
        };
        let values: Vec<Bytes> = values.iter().map(|value| Bytes::of(value.as_bytes())).collect();
        // SAFETY: all bytes outlive the call.
        unsafe { update(self, metric.id, values.as_ptr(), values.len(), amount) == 0 }
    }
}

impl Logger {
    pub(crate) fn with_headers<T>(self, map: Map, act: impl FnOnce(&[(&[u8], &[u8])]) -> T) -> T {
        // SAFETY: the host is logging.
        let size = unsafe { log_headers_size(self, map as u32) };
        with_fields(size, |out| unsafe { log_headers(self, map as u32, out) }, act)
    }

    pub(crate) fn flags(self) -> u64 {
        // SAFETY: the host is logging.
        unsafe { log_flags(self) }
    }

    pub(crate) fn code_details(self) -> Option<Vec<u8>> {
        // SAFETY: the host is logging.
        copy(|out| unsafe { log_code_details(self, out) })
    }

    pub(crate) fn transport_failure(self) -> Option<Vec<u8>> {
        // SAFETY: the host is logging.
        copy(|out| unsafe { log_transport_failure(self, out) })
    }

    /// Returns the address of the client with its port.
    pub(crate) fn client(self) -> Option<Vec<u8>> {
        let mut port = 0;
        // SAFETY: the port outlives the call.
        let host = copy(|out| unsafe { log_client(self, out, &raw mut port) })?;
        let host = String::from_utf8(host).ok()?;
        Some(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }.into_bytes())
    }

    pub(crate) fn upstream_connection(self) -> u64 {
        // SAFETY: the host is logging.
        unsafe { log_upstream_connection(self) }
    }
}
