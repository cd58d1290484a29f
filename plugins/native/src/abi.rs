//! The part of Envoy's ABI for dynamic modules that is used here, declared by hand for version [`VERSION`], and the calls of it.
//!
//! Envoy's own kit is a dependency on a repository with a generator that needs libclang. What is needed is some forty functions and two
//! structures, so they are written down, and a test compares them with the functions that the Envoy under test offers.

#![allow(
    unsafe_code,
    reason = "the host's ABI is raw pointers; this module and `hooks` are the only ones that touch them"
)]

use headgate_metrics::Kind;
use std::ffi::{c_char, c_void};
use std::slice;

/// The version that is declared here. Envoy 1.40 has it.
pub(crate) const VERSION: &std::ffi::CStr = c"v0.2.0";

/// Bytes of either side.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes {
    data: *const u8,
    len: usize,
}

/// A header.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    name: Bytes,
    value: Bytes,
}

impl Bytes {
    const NONE: Self = Self { data: std::ptr::null(), len: 0 };

    pub(crate) const fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() }
    }

    /// Returns the bytes.
    ///
    /// # Safety
    /// They must be there for as long as the slice is used: those of the host until it is told to change them, or its callback ends.
    pub(crate) const unsafe fn get<'a>(self) -> &'a [u8] {
        if self.data.is_null() || self.len == 0 {
            return &[];
        }
        // SAFETY: as the caller promises.
        unsafe { slice::from_raw_parts(self.data, self.len) }
    }
}

impl Field {
    const NONE: Self = Self { name: Bytes::NONE, value: Bytes::NONE };

    fn of((name, value): &(&str, &str)) -> Self {
        Self { name: Bytes::of(name.as_bytes()), value: Bytes::of(value.as_bytes()) }
    }

    /// Returns name and value.
    ///
    /// # Safety
    /// As for [`Bytes::get`].
    pub(crate) const unsafe fn get<'a>(self) -> (&'a [u8], &'a [u8]) {
        // SAFETY: as the caller promises.
        unsafe { (self.name.get(), self.value.get()) }
    }
}

macro_rules! pointers {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[repr(transparent)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $name(*mut c_void);
    )*};
}

pointers! {
    /// The host's filter of a stream. It is there until the filter is destroyed, on the thread of its worker.
    Stream
    /// The host's logger of a worker, while it logs.
    Logger
    /// The host's configuration of a filter.
    Root
    /// Brings a stream an event on the thread of its worker.
    StreamScheduler
    /// Brings a root an event on the main thread.
    RootScheduler
}

// SAFETY: the host takes these from any thread: an event for a stream or a root that is gone is dropped, and metrics are atomic. A root is
// called on the main thread otherwise; `roots` sees to it.
unsafe impl Send for StreamScheduler {}
// SAFETY: as above.
unsafe impl Send for RootScheduler {}
// SAFETY: as above.
unsafe impl Send for Root {}
// SAFETY: as above.
unsafe impl Sync for Root {}

/// Which header map, by the host's number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Map {
    Request = 0,
    Response = 2,
}

/// Which body, by the host's number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Buffer {
    ReceivedRequest = 0,
    BufferedRequest = 1,
    ReceivedResponse = 2,
    BufferedResponse = 3,
}

/// An attribute, by the host's number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Attribute {
    Protocol = 10,
    CodeDetails = 16,
    ResponseFlags = 17,
    SourceAddress = 24,
    PeerSubject = 33,
    PeerDnsSan = 35,
    PeerUriSan = 37,
    AttemptCount = 53,
    ClusterName = 57,
}

/// A metric of the host: its kind and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) kind: Kind,
    id: usize,
}

macro_rules! calls {
    ($($name:ident = $symbol:literal ($($arg:ident: $kind:ty),*) $(-> $result:ty)?;)*) => {
        unsafe extern "C" {$(
            #[link_name = concat!("envoy_dynamic_module_callback_", $symbol)]
            fn $name($($arg: $kind),*) $(-> $result)?;
        )*}
    };
}

calls! {
    host_log = "log" (level: u32, message: Bytes);
    headers_size = "http_get_headers_size" (stream: Stream, map: u32) -> usize;
    headers = "http_get_headers" (stream: Stream, map: u32, out: *mut Field) -> bool;
    host_set_header = "http_set_header" (stream: Stream, map: u32, name: Bytes, value: Bytes) -> bool;
    send_response = "http_send_response" (stream: Stream, status: u32, fields: *const Field, count: usize, body: Bytes, details: Bytes);
    host_body_size = "http_get_body_size" (stream: Stream, buffer: u32) -> usize;
    chunks_size = "http_get_body_chunks_size" (stream: Stream, buffer: u32) -> usize;
    chunks = "http_get_body_chunks" (stream: Stream, buffer: u32, out: *mut Bytes) -> bool;
    append_body = "http_append_body" (stream: Stream, buffer: u32, bytes: Bytes) -> bool;
    drain_body = "http_drain_body" (stream: Stream, buffer: u32, count: usize) -> bool;
    request_is_buffered = "http_received_buffered_request_body" (stream: Stream) -> bool;
    response_is_buffered = "http_received_buffered_response_body" (stream: Stream) -> bool;
    host_reset_stream = "http_filter_reset_stream" (stream: Stream, reason: u32, details: Bytes);
    set_state = "http_set_filter_state_bytes" (stream: Stream, key: Bytes, value: Bytes) -> bool;
    get_state = "http_get_filter_state_bytes" (stream: Stream, key: Bytes, out: *mut Bytes) -> bool;
    host_clear_route_cache = "http_clear_route_cache" (stream: Stream);
    attribute_text = "http_filter_get_attribute_string" (stream: Stream, attribute: u32, out: *mut Bytes) -> bool;
    attribute_number = "http_filter_get_attribute_int" (stream: Stream, attribute: u32, out: *mut u64) -> bool;
    host_continue_decoding = "http_filter_continue_decoding" (stream: Stream);
    host_continue_encoding = "http_filter_continue_encoding" (stream: Stream);
    host_upstream_connection = "http_get_upstream_connection_id" (stream: Stream) -> u64;
    stream_callout = "http_filter_http_callout" (stream: Stream, id: *mut u64, cluster: Bytes, fields: *const Field, count: usize, body: Bytes, timeout_ms: u64) -> u32;
    stream_scheduler_new = "http_filter_scheduler_new" (stream: Stream) -> StreamScheduler;
    stream_scheduler_commit = "http_filter_scheduler_commit" (scheduler: StreamScheduler, event: u64);
    stream_scheduler_delete = "http_filter_scheduler_delete" (scheduler: StreamScheduler);
    root_callout = "http_filter_config_http_callout" (root: Root, id: *mut u64, cluster: Bytes, fields: *const Field, count: usize, body: Bytes, timeout_ms: u64) -> u32;
    root_scheduler_new = "http_filter_config_scheduler_new" (root: Root) -> RootScheduler;
    root_scheduler_commit = "http_filter_config_scheduler_commit" (scheduler: RootScheduler, event: u64);
    root_scheduler_delete = "http_filter_config_scheduler_delete" (scheduler: RootScheduler);
    define_counter = "http_filter_config_define_counter" (root: Root, name: Bytes, labels: *const Bytes, count: usize, id: *mut usize) -> u32;
    define_gauge = "http_filter_config_define_gauge" (root: Root, name: Bytes, labels: *const Bytes, count: usize, id: *mut usize) -> u32;
    define_histogram = "http_filter_config_define_histogram" (root: Root, name: Bytes, labels: *const Bytes, count: usize, id: *mut usize) -> u32;
    root_increment_counter = "http_filter_config_increment_counter" (root: Root, id: usize, values: *const Bytes, count: usize, amount: u64) -> u32;
    root_set_gauge = "http_filter_config_set_gauge" (root: Root, id: usize, values: *const Bytes, count: usize, amount: u64) -> u32;
    root_record_histogram = "http_filter_config_record_histogram_value" (root: Root, id: usize, values: *const Bytes, count: usize, amount: u64) -> u32;
    increment_counter = "http_filter_increment_counter" (stream: Stream, id: usize, values: *const Bytes, count: usize, amount: u64) -> u32;
    record_histogram = "http_filter_record_histogram_value" (stream: Stream, id: usize, values: *const Bytes, count: usize, amount: u64) -> u32;
    log_headers_size = "access_logger_get_headers_size" (logger: Logger, map: u32) -> usize;
    log_headers = "access_logger_get_headers" (logger: Logger, map: u32, out: *mut Field) -> bool;
    log_flags = "access_logger_get_response_flags" (logger: Logger) -> u64;
    log_code_details = "access_logger_get_response_code_details" (logger: Logger, out: *mut Bytes) -> bool;
    log_transport_failure = "access_logger_get_downstream_transport_failure_reason" (logger: Logger, out: *mut Bytes) -> bool;
    log_client = "access_logger_get_downstream_remote_address" (logger: Logger, out: *mut Bytes, port: *mut u32) -> bool;
    log_upstream_connection = "access_logger_get_upstream_connection_id" (logger: Logger) -> u64;
}

/// Writes a line to the host's log.
pub(crate) fn log(level: u32, message: &str) {
    // SAFETY: the message outlives the call.
    unsafe { host_log(level, Bytes::of(message.as_bytes())) }
}

/// Returns the version as the host reads it.
pub(crate) const fn version() -> *const c_char {
    VERSION.as_ptr()
}

/// Headers up to this number are read without memory of their own.
const FEW: usize = 64;

/// Runs `act` on fields of the host, which must stay as they are meanwhile.
fn with_fields<T>(size: usize, read: impl FnOnce(*mut Field) -> bool, act: impl FnOnce(&[(&[u8], &[u8])]) -> T) -> T {
    let (mut few, mut many) = ([Field::NONE; FEW], Vec::new());
    let fields = match few.get_mut(..size) {
        Some(few) => few,
        None => {
            many.resize(size, Field::NONE);
            many.as_mut_slice()
        }
    };
    if size > 0 && !read(fields.as_mut_ptr()) {
        return act(&[]);
    }
    // SAFETY: the host has written `size` fields, and nothing that is done in `act` changes them.
    let fields: Vec<(&[u8], &[u8])> = fields.iter().map(|field| unsafe { field.get() }).collect();
    act(&fields)
}

/// Calls something that gives bytes, and copies them.
fn copy(read: impl FnOnce(*mut Bytes) -> bool) -> Option<Vec<u8>> {
    let mut bytes = Bytes::NONE;
    // SAFETY: the host's bytes are there until its callback ends.
    read(&raw mut bytes).then(|| unsafe { bytes.get() }.to_vec())
}

impl Stream {
    /// Runs `act` on the headers, which must stay as they are meanwhile; on none if there is no such map.
    pub(crate) fn with_headers<T>(self, map: Map, act: impl FnOnce(&[(&[u8], &[u8])]) -> T) -> T {
        // SAFETY: the stream is there, and the host writes as many fields as it has said.
        let size = unsafe { headers_size(self, map as u32) };
        with_fields(size, |out| unsafe { headers(self, map as u32, out) }, act)
    }

    /// Sets a header; `None` removes it.
    pub(crate) fn set_header(self, map: Map, name: &str, value: Option<&str>) -> bool {
        let value = value.map_or(Bytes::NONE, |value| Bytes::of(value.as_bytes()));
        // SAFETY: the texts outlive the call.
        unsafe { host_set_header(self, map as u32, Bytes::of(name.as_bytes()), value) }
    }

    /// Answers the stream. The host calls its filters meanwhile.
    pub(crate) fn reply(self, status: u16, fields: &[(&str, &str)], body: &[u8]) {
        let fields: Vec<Field> = fields.iter().map(Field::of).collect();
        // SAFETY: all bytes outlive the call.
        unsafe { send_response(self, u32::from(status), fields.as_ptr(), fields.len(), Bytes::of(body), Bytes::NONE) }
    }

    pub(crate) fn body_size(self, buffer: Buffer) -> usize {
        // SAFETY: the stream is there.
        unsafe { host_body_size(self, buffer as u32) }
    }

    /// Appends a body to `out`, at most `len` bytes from `start` on. Returns the number of bytes that were passed over.
    pub(crate) fn copy_body(self, buffer: Buffer, start: usize, len: usize, out: &mut Vec<u8>) -> usize {
        // SAFETY: the stream is there, and the host writes as many slices as it has said.
        let mut slices = vec![Bytes::NONE; unsafe { chunks_size(self, buffer as u32) }];
        if slices.is_empty() || !unsafe { chunks(self, buffer as u32, slices.as_mut_ptr()) } {
            return 0;
        }
        let mut passed = 0_usize;
        for slice in slices {
            // SAFETY: the body does not change meanwhile.
            let bytes = unsafe { slice.get() };
            let unread = bytes.get(start.saturating_sub(passed)..).unwrap_or_default();
            let room = len.saturating_sub(out.len());
            out.extend_from_slice(unread.get(..room).unwrap_or(unread));
            passed = passed.saturating_add(bytes.len());
        }
        passed
    }

    pub(crate) fn append(self, buffer: Buffer, bytes: &[u8]) -> bool {
        // SAFETY: the bytes outlive the call.
        unsafe { append_body(self, buffer as u32, Bytes::of(bytes)) }
    }

    /// Takes all bytes out of a body.
    pub(crate) fn drain(self, buffer: Buffer) {
        let size = self.body_size(buffer);
        if size > 0 {
            // SAFETY: the stream is there.
            unsafe { drain_body(self, buffer as u32, size) };
        }
    }

    /// Whether the body that has just come is the one that is buffered.
    pub(crate) fn is_buffered(self, map: Map) -> bool {
        // SAFETY: the stream is there.
        match map {
            Map::Request => unsafe { request_is_buffered(self) },
            Map::Response => unsafe { response_is_buffered(self) },
        }
    }

    /// Resets the stream, and the provider's with it. The host calls its filters meanwhile.
    pub(crate) fn reset(self) {
        const LOCAL_RESET: u32 = 0;
        // SAFETY: the stream is there.
        unsafe { host_reset_stream(self, LOCAL_RESET, Bytes::NONE) }
    }

    pub(crate) fn set_state(self, key: &str, value: &[u8]) -> bool {
        // SAFETY: all bytes outlive the call.
        unsafe { set_state(self, Bytes::of(key.as_bytes()), Bytes::of(value)) }
    }

    pub(crate) fn state(self, key: &str) -> Option<Vec<u8>> {
        // SAFETY: the key outlives the call.
        copy(|out| unsafe { get_state(self, Bytes::of(key.as_bytes()), out) })
    }

    pub(crate) fn clear_route_cache(self) {
        // SAFETY: the stream is there.
        unsafe { host_clear_route_cache(self) }
    }

    pub(crate) fn text(self, attribute: Attribute) -> Option<Vec<u8>> {
        // SAFETY: the stream is there.
        copy(|out| unsafe { attribute_text(self, attribute as u32, out) })
    }

    pub(crate) fn number(self, attribute: Attribute) -> Option<u64> {
        let mut number = 0;
        // SAFETY: the number outlives the call.
        unsafe { attribute_number(self, attribute as u32, &raw mut number) }.then_some(number)
    }

    /// Lets a request go on. The host calls its filters meanwhile.
    pub(crate) fn continue_request(self) {
        // SAFETY: the stream is there.
        unsafe { host_continue_decoding(self) }
    }

    /// Lets a response go on. The host calls its filters meanwhile.
    pub(crate) fn continue_response(self) {
        // SAFETY: the stream is there.
        unsafe { host_continue_encoding(self) }
    }

    /// Returns the number of the connection to a provider; 0 for none.
    pub(crate) fn upstream_connection(self) -> u64 {
        // SAFETY: the stream is there.
        unsafe { host_upstream_connection(self) }
    }

    /// Sends a request. Returns its number, or the host's refusal.
    pub(crate) fn call(self, to: &str, fields: &[(&str, &str)], body: &[u8], timeout_ms: u64) -> Result<u64, u32> {
        let fields: Vec<Field> = fields.iter().map(Field::of).collect();
        let (mut id, to) = (0, Bytes::of(to.as_bytes()));
        // SAFETY: all bytes outlive the call.
        let refused = unsafe {
            stream_callout(self, &raw mut id, to, fields.as_ptr(), fields.len(), Bytes::of(body), timeout_ms)
        };
        if refused == 0 { Ok(id) } else { Err(refused) }
    }

    /// Adds to a counter, or a value to a histogram.
    pub(crate) fn update(self, metric: Metric, values: &[&str], amount: u64) -> bool {
        let update = if metric.kind == Kind::Histogram { record_histogram } else { increment_counter };
        let values: Vec<Bytes> = values.iter().map(|value| Bytes::of(value.as_bytes())).collect();
        // SAFETY: all bytes outlive the call.
        unsafe { update(self, metric.id, values.as_ptr(), values.len(), amount) == 0 }
    }

    pub(crate) fn scheduler(self) -> StreamScheduler {
        // SAFETY: the stream is there.
        unsafe { stream_scheduler_new(self) }
    }
}

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
    pub(crate) fn call(self, to: &str, fields: &[(&str, &str)], body: &[u8], timeout_ms: u64) -> Result<u64, u32> {
        let fields: Vec<Field> = fields.iter().map(Field::of).collect();
        let (mut id, to) = (0, Bytes::of(to.as_bytes()));
        // SAFETY: all bytes outlive the call.
        let refused =
            unsafe { root_callout(self, &raw mut id, to, fields.as_ptr(), fields.len(), Bytes::of(body), timeout_ms) };
        if refused == 0 { Ok(id) } else { Err(refused) }
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
