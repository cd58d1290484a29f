//! The functions of Envoy that the module calls.

#![allow(unsafe_code, reason = "the host's side of raw pointers, for tests alone")]

use super::host::{Entry, Fields, Pointer, Root};
use super::stream::Stream;
use crate::abi::{Bytes, Field};
use std::ptr;

/// Envoy's words for an answer of a provider.
const VIA_UPSTREAM: &[u8] = b"via_upstream";
/// The host has no such thing.
const NO: bool = false;

/// Returns what the module was lent. The stand-in gives it only pointers that live.
fn lent<'a, T>(pointer: Pointer) -> &'a T {
    // SAFETY: the driver keeps it until the module is told of its end.
    unsafe { pointer.cast::<T>().as_ref() }.unwrap()
}

fn bytes<'a>(bytes: Bytes) -> &'a [u8] {
    // SAFETY: the module's bytes are there until its call returns.
    unsafe { bytes.get() }
}

fn owned(first: *const Field, count: usize) -> Fields {
    (0..count)
        .map(|at| {
            // SAFETY: the module's array has this length.
            let (name, value) = unsafe { (*first.add(at)).get() };
            (name.to_vec(), value.to_vec())
        })
        .collect()
}

fn give<T>(out: *mut T, value: T) {
    // SAFETY: the module's place for it.
    unsafe { ptr::write(out, value) }
}

fn give_fields(fields: &Fields, out: *mut Field) -> bool {
    for (at, (name, value)) in fields.iter().enumerate() {
        // SAFETY: the module has made room for as many fields as it was told of.
        give(unsafe { out.add(at) }, Field::raw(name, value));
    }
    true
}

/// Prints errors.
#[allow(clippy::print_stderr, reason = "the log of a test")]
fn say(level: u32, line: &str) {
    if level >= 4 {
        eprintln!("{line}");
    }
}

macro_rules! callbacks {
    ($($name:ident ($($arg:ident: $kind:ty),*) $(-> $result:ty)? $body:block)*) => {$(
        // SAFETY: no other function of this test has the name.
        #[inline(never)]
        #[unsafe(no_mangle)]
        extern "C" fn $name($($arg: $kind),*) $(-> $result)? $body
    )*};
}

callbacks! {
    envoy_dynamic_module_callback_log(level: u32, message: Bytes) {
        say(level, &String::from_utf8_lossy(bytes(message)));
    }

    envoy_dynamic_module_callback_http_get_headers_size(stream: Pointer, map: u32) -> usize {
        lent::<Stream>(stream).map(map).borrow().len()
    }

    envoy_dynamic_module_callback_http_get_headers(stream: Pointer, map: u32, out: *mut Field) -> bool {
        give_fields(&lent::<Stream>(stream).map(map).borrow(), out)
    }

    envoy_dynamic_module_callback_http_add_header(stream: Pointer, map: u32, name: Bytes, value: Bytes) -> bool {
        lent::<Stream>(stream).add_header(map, bytes(name), bytes(value));
        true
    }

    envoy_dynamic_module_callback_http_set_header(stream: Pointer, map: u32, name: Bytes, value: Bytes) -> bool {
        let is_removed = value.is_none();
        lent::<Stream>(stream).set_header(map, bytes(name), (!is_removed).then(|| bytes(value)));
        true
    }

    envoy_dynamic_module_callback_http_send_response(stream: Pointer, status: u32, fields: *const Field, count: usize, body: Bytes, _details: Bytes) {
        *lent::<Stream>(stream).reply.borrow_mut() = Some((status, owned(fields, count), bytes(body).to_vec()));
    }

    envoy_dynamic_module_callback_http_get_body_size(stream: Pointer, buffer: u32) -> usize {
        lent::<Stream>(stream).bodies[buffer as usize].borrow().iter().map(|chunk| chunk.len()).sum()
    }

    envoy_dynamic_module_callback_http_get_body_chunks_size(stream: Pointer, buffer: u32) -> usize {
        lent::<Stream>(stream).bodies[buffer as usize].borrow().len()
    }

    envoy_dynamic_module_callback_http_get_body_chunks(stream: Pointer, buffer: u32, out: *mut Bytes) -> bool {
        for (at, chunk) in lent::<Stream>(stream).bodies[buffer as usize].borrow().iter().enumerate() {
            // SAFETY: the module has made room for as many chunks as it was told of.
            give(unsafe { out.add(at) }, Bytes::of(chunk));
        }
        true
    }

    envoy_dynamic_module_callback_http_append_body(stream: Pointer, buffer: u32, more: Bytes) -> bool {
        lent::<Stream>(stream).bodies[buffer as usize].borrow_mut().push(bytes(more).into());
        true
    }

    envoy_dynamic_module_callback_http_drain_body(stream: Pointer, buffer: u32, count: usize) -> bool {
        let taken = lent::<Stream>(stream).bodies[buffer as usize].take();
        assert_eq!(taken.iter().map(|chunk| chunk.len()).sum::<usize>(), count, "a part of a body is drained");
        true
    }

    envoy_dynamic_module_callback_http_received_buffered_request_body(_stream: Pointer) -> bool { NO }
    envoy_dynamic_module_callback_http_received_buffered_response_body(_stream: Pointer) -> bool { NO }

    envoy_dynamic_module_callback_http_filter_reset_stream(stream: Pointer, _reason: u32, _details: Bytes) {
        lent::<Stream>(stream).reset.set(true);
    }

    envoy_dynamic_module_callback_http_set_filter_state_bytes(stream: Pointer, key: Bytes, value: Bytes) -> bool {
        lent::<Stream>(stream).shared.state.borrow_mut().insert(bytes(key).to_vec(), bytes(value).into());
        true
    }

    envoy_dynamic_module_callback_http_get_filter_state_bytes(stream: Pointer, key: Bytes, out: *mut Bytes) -> bool {
        let state = lent::<Stream>(stream).shared.state.borrow();
        state.get(bytes(key)).map(|value| give(out, Bytes::of(value))).is_some()
    }

    envoy_dynamic_module_callback_http_clear_route_cache(_stream: Pointer) {}

    envoy_dynamic_module_callback_http_filter_get_attribute_string(_stream: Pointer, attribute: u32, out: *mut Bytes) -> bool {
        match attribute {
            10 => give(out, Bytes::of(b"HTTP/1.1")),
            16 => give(out, Bytes::of(VIA_UPSTREAM)),
            24 => give(out, Bytes::of(b"127.0.0.1:50000")),
            _ => return NO,
        }
        true
    }

    envoy_dynamic_module_callback_http_filter_get_attribute_int(stream: Pointer, attribute: u32, out: *mut u64) -> bool {
        match attribute {
            17 => give(out, lent::<Stream>(stream).shared.flags.get()),
            53 => give(out, 1),
            _ => return NO,
        }
        true
    }

    envoy_dynamic_module_callback_http_filter_continue_decoding(stream: Pointer) {
        lent::<Stream>(stream).continued.set(true);
    }

    envoy_dynamic_module_callback_http_filter_continue_encoding(stream: Pointer) {
        lent::<Stream>(stream).continued_response.set(true);
    }

    envoy_dynamic_module_callback_http_get_upstream_connection_id(stream: Pointer) -> u64 {
        lent::<Stream>(stream).connection.get()
    }

    envoy_dynamic_module_callback_http_filter_http_callout(stream: Pointer, id: *mut u64, _cluster: Bytes, fields: *const Field, count: usize, _body: Bytes, timeout_ms: u64) -> u32 {
        give(id, lent::<Stream>(stream).callout(&owned(fields, count), timeout_ms));
        0
    }

    envoy_dynamic_module_callback_http_filter_scheduler_new(stream: Pointer) -> Pointer { stream }
    envoy_dynamic_module_callback_http_filter_scheduler_commit(_scheduler: Pointer, _event: u64) {}
    envoy_dynamic_module_callback_http_filter_scheduler_delete(_scheduler: Pointer) {}
    envoy_dynamic_module_callback_http_filter_config_scheduler_new(root: Pointer) -> Pointer { root }
    envoy_dynamic_module_callback_http_filter_config_scheduler_commit(_scheduler: Pointer, _event: u64) {}
    envoy_dynamic_module_callback_http_filter_config_scheduler_delete(_scheduler: Pointer) {}

    envoy_dynamic_module_callback_http_filter_config_start_http_stream(root: Pointer, id: *mut u64, _cluster: Bytes, fields: *const Field, count: usize, body: Bytes, _end: bool, _timeout_ms: u64) -> u32 {
        give(id, lent::<Root>(root).begin_call(&owned(fields, count), bytes(body).to_vec()));
        0
    }

    envoy_dynamic_module_callback_http_filter_config_reset_http_stream(_root: Pointer, _id: u64) {}

    envoy_dynamic_module_callback_http_filter_config_define_counter(root: Pointer, _name: Bytes, _labels: *const Bytes, _count: usize, id: *mut usize) -> u32 {
        give(id, lent::<Root>(root).define());
        0
    }

    envoy_dynamic_module_callback_http_filter_config_define_gauge(root: Pointer, _name: Bytes, _labels: *const Bytes, _count: usize, id: *mut usize) -> u32 {
        give(id, lent::<Root>(root).define());
        0
    }

    envoy_dynamic_module_callback_http_filter_config_define_histogram(root: Pointer, _name: Bytes, _labels: *const Bytes, _count: usize, id: *mut usize) -> u32 {
        give(id, lent::<Root>(root).define());
        0
    }

    envoy_dynamic_module_callback_http_filter_config_increment_counter(_root: Pointer, _id: usize, _values: *const Bytes, _count: usize, _amount: u64) -> u32 { 0 }
    envoy_dynamic_module_callback_http_filter_config_set_gauge(_root: Pointer, _id: usize, _values: *const Bytes, _count: usize, _amount: u64) -> u32 { 0 }
    envoy_dynamic_module_callback_http_filter_config_record_histogram_value(_root: Pointer, _id: usize, _values: *const Bytes, _count: usize, _amount: u64) -> u32 { 0 }
    envoy_dynamic_module_callback_http_filter_increment_counter(_stream: Pointer, _id: usize, _values: *const Bytes, _count: usize, _amount: u64) -> u32 { 0 }
    envoy_dynamic_module_callback_http_filter_record_histogram_value(_stream: Pointer, _id: usize, _values: *const Bytes, _count: usize, _amount: u64) -> u32 { 0 }

    envoy_dynamic_module_callback_access_logger_get_headers_size(_logger: Pointer, _map: u32) -> usize { 0 }
    envoy_dynamic_module_callback_access_logger_get_headers(_logger: Pointer, _map: u32, _out: *mut Field) -> bool { NO }

    envoy_dynamic_module_callback_access_logger_get_response_flags(logger: Pointer) -> u64 {
        lent::<Entry>(logger).flags
    }

    envoy_dynamic_module_callback_access_logger_get_response_code_details(_logger: Pointer, _out: *mut Bytes) -> bool { NO }
    envoy_dynamic_module_callback_access_logger_get_downstream_transport_failure_reason(_logger: Pointer, _out: *mut Bytes) -> bool { NO }
    envoy_dynamic_module_callback_access_logger_get_downstream_remote_address(_logger: Pointer, _out: *mut Bytes, _port: *mut u32) -> bool { NO }

    envoy_dynamic_module_callback_access_logger_get_upstream_connection_id(logger: Pointer) -> u64 {
        lent::<Entry>(logger).connection
    }
}
