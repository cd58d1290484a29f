//! The one place where the host is called. Every call returns the host's status as a number and none panics.
//!
//! The SDK's own wrappers unwrap statuses they do not expect, and a host may answer anything in a phase where a map or
//! a buffer is not there. So the imports are declared here once more, and only the dispatch of HTTP calls, with
//! answers that the SDK must be able to route, goes through the SDK.

#![allow(unsafe_code, reason = "the host's ABI is raw pointers; this is the only module that touches them")]

use crate::pairs::{decode_pairs, encode_pairs};
use headgate_policy::{HeaderView, can_allocate};
use headgate_shell::{Body, Headers, HostError, HostResult, NO_ROOM, OutgoingCall};
use log::Level;
use proxy_wasm::types::Status;
use std::ptr::{null, null_mut};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Which header map.
#[derive(Debug, Clone, Copy)]
pub(crate) enum HeaderMap {
    Request = 0,
    Response = 2,
    CallResponse = 6,
}

impl From<Headers> for HeaderMap {
    fn from(which: Headers) -> Self {
        match which {
            Headers::Request => Self::Request,
            Headers::Response => Self::Response,
        }
    }
}

impl From<Body> for Buffer {
    fn from(which: Body) -> Self {
        match which {
            Body::Request => Self::RequestBody,
            Body::Response => Self::ResponseBody,
        }
    }
}

/// Which buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Buffer {
    RequestBody = 0,
    ResponseBody = 1,
    CallResponseBody = 4,
    PluginConfiguration = 7,
}

unsafe extern "C" {
    fn proxy_done() -> u32;
    fn proxy_close_stream(kind: u32) -> u32;
    fn proxy_continue_stream(kind: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_len: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_log(level: u32, data: *const u8, len: usize) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_buffer_bytes(kind: u32, start: usize, max: usize, data: *mut *mut u8, len: *mut usize) -> u32;
    fn proxy_set_buffer_bytes(kind: u32, start: usize, size: usize, data: *const u8, len: usize) -> u32;
    fn proxy_get_header_map_pairs(kind: u32, data: *mut *mut u8, len: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        kind: u32,
        name: *const u8,
        name_len: usize,
        data: *mut *mut u8,
        len: *mut usize,
    ) -> u32;
    fn proxy_replace_header_map_value(kind: u32, name: *const u8, name_len: usize, value: *const u8, len: usize)
    -> u32;
    fn proxy_add_header_map_value(kind: u32, name: *const u8, name_len: usize, value: *const u8, len: usize) -> u32;
    fn proxy_remove_header_map_value(kind: u32, name: *const u8, name_len: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_len: usize, data: *mut *mut u8, len: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_len: usize, data: *const u8, len: usize) -> u32;
    fn proxy_get_shared_data(key: *const u8, key_len: usize, data: *mut *mut u8, len: *mut usize, cas: *mut u32)
    -> u32;
    fn proxy_set_shared_data(key: *const u8, key_len: usize, data: *const u8, len: usize, cas: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_len: usize,
        body: *const u8,
        body_len: usize,
        headers: *const u8,
        headers_len: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_len: usize,
        arguments: *const u8,
        arguments_len: usize,
        data: *mut *mut u8,
        len: *mut usize,
    ) -> u32;
}

fn done(status: u32) -> HostResult<()> {
    if status == 0 { Ok(()) } else { Err(HostError(status)) }
}

/// Takes over bytes that the host put into this VM's memory through the exported allocator; a null pointer is an empty value.
fn owned(data: *mut u8, len: usize) -> Vec<u8> {
    if data.is_null() {
        return Vec::new();
    }
    // SAFETY: the host allocated `len` bytes with `proxy_on_memory_allocate`, which hands out a Vec of that capacity.
    unsafe { Vec::from_raw_parts(data, len, len) }
}

/// Calls something that gives back bytes.
fn read(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> HostResult<Vec<u8>> {
    let (mut data, mut len) = (null_mut(), 0);
    done(call(&raw mut data, &raw mut len))?;
    Ok(owned(data, len))
}

/// Microseconds since the Unix epoch, from the host's WASI clock.
#[allow(clippy::disallowed_methods, reason = "the filter's one clock")]
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Random bytes; should the host have none, zeros: ids then differ by time alone, and the first target is drawn.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let _ = getrandom::fill(&mut bytes);
    bytes
}

/// Writes a line to the host's log.
pub(crate) fn log(level: Level, message: &str) {
    let severity = match level {
        Level::Trace => 0,
        Level::Debug => 1,
        Level::Info => 2,
        Level::Warn => 3,
        Level::Error => 4,
    };
    // SAFETY: pointer and length are of one live string.
    let _ = unsafe { proxy_log(severity, message.as_ptr(), message.len()) };
}

/// Makes the host know a metric, and returns its number there. `kind` is 0 for a counter, 1 for a gauge, 2 for a histogram.
pub(crate) fn define_metric(kind: u32, name: &str) -> HostResult<u32> {
    let mut id = 0;
    // SAFETY: pointers are of live values.
    done(unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id) }).map(|()| id)
}

/// Adds to a counter.
pub(crate) fn increment_metric(id: u32, amount: u64) -> HostResult<()> {
    let amount = i64::try_from(amount).unwrap_or(i64::MAX);
    // SAFETY: no pointers.
    done(unsafe { proxy_increment_metric(id, amount) })
}

/// Sets a gauge, or adds a value to a histogram.
pub(crate) fn record_metric(id: u32, value: u64) -> HostResult<()> {
    // SAFETY: no pointers.
    done(unsafe { proxy_record_metric(id, value) })
}

/// Tells the host that a root which was asked to go is done.
pub(crate) fn root_is_done() -> HostResult<()> {
    // SAFETY: no pointers.
    done(unsafe { proxy_done() })
}

/// Resets the response that is being served, and the provider's stream with it. Bytes that were passed on in this very
/// callback is lost: call it in a later one.
pub(crate) fn reset_response() -> HostResult<()> {
    const HTTP_RESPONSE: u32 = 1;
    // SAFETY: no pointers.
    done(unsafe { proxy_close_stream(HTTP_RESPONSE) })
}

/// Lets a request go on that an earlier callback has paused.
pub(crate) fn resume_request() -> HostResult<()> {
    const HTTP_REQUEST: u32 = 0;
    // SAFETY: no pointers.
    done(unsafe { proxy_continue_stream(HTTP_REQUEST) })
}

/// Lets a response go on that an earlier callback has paused.
pub(crate) fn resume_response() -> HostResult<()> {
    const HTTP_RESPONSE: u32 = 1;
    // SAFETY: no pointers.
    done(unsafe { proxy_continue_stream(HTTP_RESPONSE) })
}

/// Until this callback returns, the host takes its calls for those of another context.
pub(crate) fn act_for(context: u32) -> HostResult<()> {
    // SAFETY: no pointers.
    done(unsafe { proxy_set_effective_context(context) })
}

pub(crate) fn set_tick_period(period: Duration) -> HostResult<()> {
    let millis = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    // SAFETY: no pointers.
    done(unsafe { proxy_set_tick_period_milliseconds(millis) })
}

/// Buffers up to this size are read without asking for room: there are few at a time, and most are small.
const SMALL: usize = 64 << 10;

/// Copies that are made of a buffer while one callback works on it, the first included.
const COPIES: usize = 3;

/// Reads a buffer, or says [`NO_ROOM`]: the allocator that the host calls for it can only trap.
pub(crate) fn buffer(kind: Buffer, len: usize) -> HostResult<Vec<u8>> {
    buffer_part(kind, 0, len)
}

/// The same, at most `len` bytes of it from `start` on.
pub(crate) fn buffer_part(kind: Buffer, start: usize, len: usize) -> HostResult<Vec<u8>> {
    if len > SMALL && !can_allocate(len.saturating_mul(COPIES) as u64) {
        return Err(NO_ROOM);
    }
    // SAFETY: both pointers are of live locals.
    read(|data, size| unsafe { proxy_get_buffer_bytes(kind as u32, start, len, data, size) })
}

/// Replaces the whole buffer.
pub(crate) fn replace_buffer(kind: Buffer, bytes: &[u8]) -> HostResult<()> {
    // SAFETY: pointer and length are of one live slice.
    done(unsafe { proxy_set_buffer_bytes(kind as u32, 0, usize::MAX, bytes.as_ptr(), bytes.len()) })
}

/// Appends to the buffer.
pub(crate) fn append_buffer(kind: Buffer, bytes: &[u8]) -> HostResult<()> {
    // SAFETY: as above.
    done(unsafe { proxy_set_buffer_bytes(kind as u32, usize::MAX, 0, bytes.as_ptr(), bytes.len()) })
}

/// All headers, still encoded; see [`decode_pairs`].
pub(crate) fn headers(kind: HeaderMap) -> HostResult<Vec<u8>> {
    // SAFETY: both pointers are of live locals.
    read(|data, len| unsafe { proxy_get_header_map_pairs(kind as u32, data, len) })
}

/// The first value of a header.
pub(crate) fn header(kind: HeaderMap, name: &str) -> HostResult<Vec<u8>> {
    // SAFETY: pointers are of live values.
    read(|data, len| unsafe { proxy_get_header_map_value(kind as u32, name.as_ptr(), name.len(), data, len) })
}

pub(crate) fn set_header(kind: HeaderMap, name: &str, value: &str) -> HostResult<()> {
    // SAFETY: pointers and lengths are of live strings.
    done(unsafe { proxy_replace_header_map_value(kind as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

pub(crate) fn add_header(kind: HeaderMap, name: &str, value: &str) -> HostResult<()> {
    // SAFETY: as above.
    done(unsafe { proxy_add_header_map_value(kind as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

pub(crate) fn remove_header(kind: HeaderMap, name: &str) -> HostResult<()> {
    // SAFETY: as above.
    done(unsafe { proxy_remove_header_map_value(kind as u32, name.as_ptr(), name.len()) })
}

/// A property; `path` has its parts joined by zero bytes.
pub(crate) fn property(path: &str) -> HostResult<Vec<u8>> {
    // SAFETY: pointers are of live values.
    read(|data, len| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, len) })
}

pub(crate) fn set_property(path: &str, value: &[u8]) -> HostResult<()> {
    // SAFETY: pointers and lengths are of live values.
    done(unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) })
}

/// A value that all workers share, and the number to compare with when setting it. Absent is empty with number 0.
pub(crate) fn shared_data(key: &str) -> (Vec<u8>, u32) {
    let mut cas = 0;
    // SAFETY: pointers are of live values.
    let value = read(|data, len| unsafe { proxy_get_shared_data(key.as_ptr(), key.len(), data, len, &raw mut cas) });
    value.map_or((Vec::new(), 0), |value| (value, cas))
}

/// Sets a shared value if nobody else has since `cas` was read.
pub(crate) fn set_shared_data(key: &str, value: &[u8], cas: u32) -> HostResult<()> {
    // SAFETY: pointers and lengths are of live values.
    done(unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) })
}

pub(crate) fn send_local_response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> HostResult<()> {
    let pairs = encode_pairs(headers);
    // SAFETY: pointers and lengths are of live values; no details are given.
    done(unsafe {
        proxy_send_local_response(
            u32::from(status),
            null(),
            0,
            body.as_ptr(),
            body.len(),
            pairs.as_ptr(),
            pairs.len(),
            -1,
        )
    })
}

/// Sends an HTTP request. The SDK brings the answer to the context that is active, so this goes through it.
pub(crate) fn call(call: OutgoingCall<'_>) -> HostResult<u32> {
    let OutgoingCall { to, headers, body, timeout } = call;
    proxy_wasm::hostcalls::dispatch_http_call(to, headers.to_vec(), body, vec![], timeout)
        .map_err(|refused: Status| HostError(refused as u32))
}

/// Status of the answer to a call; `None` if there was no answer.
pub(crate) fn call_status() -> Option<u16> {
    let encoded = headers(HeaderMap::CallResponse).ok()?;
    let (_, status) = decode_pairs(&encoded).into_iter().find(|(name, _)| *name == b":status")?;
    std::str::from_utf8(status).ok()?.parse().ok()
}

/// Runs `act` on the headers of a map; on none if there is no such map.
pub(crate) fn with_headers<T>(kind: HeaderMap, act: impl FnOnce(HeaderView<'_>) -> T) -> T {
    let encoded = headers(kind).unwrap_or_default();
    act(HeaderView::new(&decode_pairs(&encoded)))
}

/// Makes the proxy choose the route again.
pub(crate) fn clear_route_cache() -> HostResult<()> {
    let name = "clear_route_cache";
    // SAFETY: pointers are of live values; there are no arguments.
    read(|data, len| unsafe { proxy_call_foreign_function(name.as_ptr(), name.len(), null(), 0, data, len) }).map(drop)
}
