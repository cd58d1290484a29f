//! The part of Envoy's ABI for dynamic modules that is used here, declared by hand for version [`VERSION`], and the calls of it.
//!
//! Envoy's own kit is a dependency on a repository with a generator that needs libclang. What is needed is some forty functions and two
//! structures, so they are written down, and a test compares them with the functions that the Envoy under test offers.

#![allow(
    unsafe_code,
    reason = "the host's ABI is raw pointers; this module and `hooks` are the only ones that touch them"
)]

mod others;
mod stream;

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

#[cfg(test)]
impl Bytes {
    /// Whether they stand for nothing at all.
    pub(crate) const fn is_none(self) -> bool {
        self.data.is_null()
    }
}

#[cfg(test)]
impl Field {
    /// Returns a header of the host.
    pub(crate) const fn raw(name: &[u8], value: &[u8]) -> Self {
        Self { name: Bytes::of(name), value: Bytes::of(value) }
    }
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
    host_add_header = "http_add_header" (stream: Stream, map: u32, name: Bytes, value: Bytes) -> bool;
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
    root_call = "http_filter_config_start_http_stream" (root: Root, id: *mut u64, cluster: Bytes, fields: *const Field, count: usize, body: Bytes, end: bool, timeout_ms: u64) -> u32;
    root_reset_call = "http_filter_config_reset_http_stream" (root: Root, id: u64);
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

/// Headers and chunks up to this number are read without memory of their own.
const FEW: usize = 32;

/// Returns room for so many values of the host: in `few`, else in `many`.
fn room<'a, T: Copy>(size: usize, few: &'a mut [T; FEW], many: &'a mut Vec<T>) -> &'a mut [T] {
    let [filler, ..] = *few;
    match few.get_mut(..size) {
        Some(few) => few,
        None => {
            many.resize(size, filler);
            many
        }
    }
}

/// Runs `act` on fields of the host, which must stay as they are meanwhile.
fn with_fields<T>(size: usize, read: impl FnOnce(*mut Field) -> bool, act: impl FnOnce(&[(&[u8], &[u8])]) -> T) -> T {
    let (mut few, mut many) = ([Field::NONE; FEW], Vec::new());
    let fields = room(size, &mut few, &mut many);
    if size > 0 && !read(fields.as_mut_ptr()) {
        return act(&[]);
    }
    let (mut few, mut many): ([(&[u8], &[u8]); FEW], _) = ([(&[], &[]); FEW], Vec::new());
    let pairs = room(size, &mut few, &mut many);
    for (pair, field) in pairs.iter_mut().zip(fields) {
        // SAFETY: the host has written `size` fields, and nothing that is done in `act` changes them.
        *pair = unsafe { field.get() };
    }
    act(pairs)
}

/// Calls something that gives bytes, and copies them.
fn copy(read: impl FnOnce(*mut Bytes) -> bool) -> Option<Vec<u8>> {
    let mut bytes = Bytes::NONE;
    // SAFETY: the host's bytes are there until its callback ends.
    read(&raw mut bytes).then(|| unsafe { bytes.get() }.to_vec())
}
