//! The module's hooks, as Envoy calls them.

#![allow(unsafe_code, reason = "the host's side of raw pointers, for tests alone")]

use super::host::{Entry, Pointer, Root, RootCall};
use super::stream::Stream;
use crate::abi::{Bytes, Field};

/// The module lets a stream go on.
const CONTINUE: u32 = 0;

#[allow(clashing_extern_declarations, reason = "the host does not know the module's types of pointers")]
unsafe extern "C" {
    safe fn envoy_dynamic_module_on_program_init() -> *const std::ffi::c_char;
    fn envoy_dynamic_module_on_http_filter_config_new(root: Pointer, name: Bytes, configuration: Bytes) -> Pointer;
    fn envoy_dynamic_module_on_http_filter_config_destroy(ours: Pointer);
    fn envoy_dynamic_module_on_http_filter_config_scheduled(root: Pointer, ours: Pointer, event: u64);
    fn envoy_dynamic_module_on_http_filter_config_http_stream_headers(
        root: Pointer,
        ours: Pointer,
        call: u64,
        fields: *const Field,
        count: usize,
        end: bool,
    );
    fn envoy_dynamic_module_on_http_filter_config_http_stream_complete(root: Pointer, ours: Pointer, call: u64);
    fn envoy_dynamic_module_on_http_filter_config_http_stream_reset(
        root: Pointer,
        ours: Pointer,
        call: u64,
        reason: u32,
    );
    fn envoy_dynamic_module_on_http_filter_new(ours: Pointer, stream: Pointer) -> Pointer;
    fn envoy_dynamic_module_on_http_filter_request_headers(stream: Pointer, ours: Pointer, end: bool) -> u32;
    fn envoy_dynamic_module_on_http_filter_request_body(stream: Pointer, ours: Pointer, end: bool) -> u32;
    fn envoy_dynamic_module_on_http_filter_response_headers(stream: Pointer, ours: Pointer, end: bool) -> u32;
    fn envoy_dynamic_module_on_http_filter_response_body(stream: Pointer, ours: Pointer, end: bool) -> u32;
    fn envoy_dynamic_module_on_http_filter_stream_complete(stream: Pointer, ours: Pointer);
    fn envoy_dynamic_module_on_http_filter_destroy(ours: Pointer);
    fn envoy_dynamic_module_on_http_filter_scheduled(stream: Pointer, ours: Pointer, event: u64);
    fn envoy_dynamic_module_on_http_filter_http_callout_done(
        stream: Pointer,
        ours: Pointer,
        call: u64,
        result: u32,
        fields: *const Field,
        count: usize,
        chunks: *const Bytes,
        chunk_count: usize,
    );
    fn envoy_dynamic_module_on_access_logger_config_new(host: Pointer, name: Bytes, configuration: Bytes) -> Pointer;
    fn envoy_dynamic_module_on_access_logger_config_destroy(ours: Pointer);
    fn envoy_dynamic_module_on_access_logger_new(ours: Pointer, logger: Pointer) -> Pointer;
    fn envoy_dynamic_module_on_access_logger_log(logger: Pointer, ours: Pointer, kind: u32);
}

/// A configuration of the filter, until it is dropped.
#[derive(Debug)]
pub(super) struct Configuration {
    pub(super) root: Box<Root>,
    ours: Pointer,
}

impl Configuration {
    /// Has the module take a configuration; `None` if it refuses.
    pub(super) fn new(role: &str, text: &str) -> Option<Self> {
        envoy_dynamic_module_on_program_init();
        let root = Box::<Root>::default();
        let (name, configuration) = (Bytes::of(role.as_bytes()), Bytes::of(text.as_bytes()));
        // SAFETY: the bytes outlive the call, and the root the configuration.
        let ours = unsafe { envoy_dynamic_module_on_http_filter_config_new(root.pointer(), name, configuration) };
        (!ours.is_null()).then_some(Self { root, ours })
    }

    /// Brings a root its tick.
    pub(super) fn tick(&self) {
        // SAFETY: the module has not been told of its end yet.
        unsafe { envoy_dynamic_module_on_http_filter_config_scheduled(self.root.pointer(), self.ours, 0) }
    }

    /// Answers a call of the root with this status and no body; without one, the call is reset.
    pub(super) fn answer(&self, call: &RootCall, status: Option<&str>) {
        let (root, number) = (self.root.pointer(), call.number);
        let Some(status) = status else {
            // SAFETY: as above.
            return unsafe { envoy_dynamic_module_on_http_filter_config_http_stream_reset(root, self.ours, number, 0) };
        };
        let head = [Field::raw(b":status", status.as_bytes())];
        // SAFETY: the head outlives the call.
        unsafe {
            envoy_dynamic_module_on_http_filter_config_http_stream_headers(
                root,
                self.ours,
                number,
                head.as_ptr(),
                1,
                true,
            );
            envoy_dynamic_module_on_http_filter_config_http_stream_complete(root, self.ours, number);
        }
    }

    /// Has the module make a filter of a stream.
    pub(super) fn filter(&self, stream: &Stream) {
        // SAFETY: the stream lives until its filter is destroyed.
        stream.filter.set(unsafe { envoy_dynamic_module_on_http_filter_new(self.ours, stream.pointer()) });
    }
}

impl Drop for Configuration {
    fn drop(&mut self) {
        // SAFETY: it is not used any more.
        unsafe { envoy_dynamic_module_on_http_filter_config_destroy(self.ours) }
    }
}

/// The router's log of tries.
#[derive(Debug)]
pub(super) struct Log(Pointer);

impl Log {
    pub(super) fn new() -> Self {
        let (name, configuration) = (Bytes::of(b"resets"), Bytes::of(b"{}"));
        // SAFETY: the bytes outlive the call.
        let ours =
            unsafe { envoy_dynamic_module_on_access_logger_config_new(std::ptr::null_mut(), name, configuration) };
        assert!(!ours.is_null());
        Self(ours)
    }

    pub(super) fn write(&self, entry: &Entry) {
        let logger = std::ptr::from_ref(entry).cast_mut().cast();
        // SAFETY: the entry outlives the calls.
        unsafe {
            let ours = envoy_dynamic_module_on_access_logger_new(self.0, logger);
            envoy_dynamic_module_on_access_logger_log(logger, ours, 0);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // SAFETY: it is not used any more.
        unsafe { envoy_dynamic_module_on_access_logger_config_destroy(self.0) }
    }
}

type StreamHook = unsafe extern "C" fn(Pointer, Pointer, bool) -> u32;

impl Stream {
    fn hook(&self, hook: StreamHook, end: bool) -> bool {
        // SAFETY: the filter is not destroyed yet.
        unsafe { hook(self.pointer(), self.filter.get(), end) == CONTINUE }
    }

    /// Calls a hook; returns whether the stream goes on.
    pub(super) fn request_headers(&self, end: bool) -> bool {
        self.hook(envoy_dynamic_module_on_http_filter_request_headers, end)
    }

    pub(super) fn request_body(&self, end: bool) -> bool {
        self.hook(envoy_dynamic_module_on_http_filter_request_body, end)
    }

    pub(super) fn response_headers(&self, end: bool) -> bool {
        self.hook(envoy_dynamic_module_on_http_filter_response_headers, end)
    }

    pub(super) fn response_body(&self, end: bool) -> bool {
        self.hook(envoy_dynamic_module_on_http_filter_response_body, end)
    }

    pub(super) fn complete(&self) {
        // SAFETY: as above.
        unsafe { envoy_dynamic_module_on_http_filter_stream_complete(self.pointer(), self.filter.get()) }
    }

    /// Brings the worker's tick by this stream.
    pub(super) fn tick(&self) {
        // SAFETY: as above.
        unsafe { envoy_dynamic_module_on_http_filter_scheduled(self.pointer(), self.filter.get(), 0) }
    }

    pub(super) fn destroy(&self) {
        let filter = self.filter.replace(std::ptr::null_mut());
        if !filter.is_null() {
            // SAFETY: it is not used any more.
            unsafe { envoy_dynamic_module_on_http_filter_destroy(filter) }
        }
    }

    /// Answers a callout; without a status, it has failed.
    pub(super) fn callout_done(&self, number: u64, answer: Option<(u16, &[u8])>) {
        let status = answer.map(|(status, _)| status.to_string()).unwrap_or_default();
        let head = [Field::raw(b":status", status.as_bytes())];
        let body = [Bytes::of(answer.map(|(_, body)| body).unwrap_or_default())];
        let (result, count) = if answer.is_some() { (0, 1) } else { (1, 0) };
        // SAFETY: the arrays outlive the call.
        unsafe {
            envoy_dynamic_module_on_http_filter_http_callout_done(
                self.pointer(),
                self.filter.get(),
                number,
                result,
                head.as_ptr(),
                count,
                body.as_ptr(),
                count,
            );
        }
    }
}
