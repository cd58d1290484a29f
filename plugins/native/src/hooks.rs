//! The functions that Envoy calls. Each catches a panic, and nothing passes after one.

#![allow(
    unsafe_code,
    reason = "the host's ABI is raw pointers; this module and `abi` are the only ones that touch them"
)]

use crate::abi::{self, Bytes, Field, Logger, Root, Stream};
use crate::at::{At, CallAnswer};
use crate::calls;
use crate::contexts::{self, Context};
use crate::guard::{Hook, guarded, guarded_at};
use crate::logger;
use crate::native::Native;
use crate::roots::Configured;
use headgate_shell::{Action, Role};
use std::ffi::{c_char, c_void};
use std::ptr;

/// A value that the host holds for us.
type Ours = *mut c_void;

/// Envoy's response flag of a try that the provider has reset (UR).
const REMOTE_RESET: u64 = 0x10;
/// A stream goes on.
const CONTINUE: u32 = 0;
/// It waits; a body is kept meanwhile.
const STOP: u32 = 1;

/// Hands a value to the host.
fn lend<T>(value: T) -> Ours {
    Box::into_raw(Box::new(value)).cast()
}

/// Takes a value back from the host.
///
/// # Safety
/// It was lent as such, and the host does not use it any more.
unsafe fn take_back<T>(ours: Ours) -> Option<Box<T>> {
    // SAFETY: as the caller promises.
    (!ours.is_null()).then(|| unsafe { Box::from_raw(ours.cast::<T>()) })
}

/// Returns what the host holds.
///
/// # Safety
/// It was lent as such and not taken back. A configuration is used by all threads, so it is not changed.
unsafe fn lent<'a, T>(ours: Ours) -> Option<&'a T> {
    // SAFETY: as the caller promises.
    unsafe { ours.cast::<T>().as_ref() }
}

/// Runs `act` on the context of a stream. Without one, or after a panic, the stream stops.
fn on_stream(hook: Hook, ours: Ours, act: impl FnOnce(&Context) -> Action) -> u32 {
    // SAFETY: the host gives what `filter_new` has lent, on the thread of the stream.
    let Some(context) = (unsafe { lent::<Context>(ours) }) else { return STOP };
    let action = guarded_at(context.place(), hook, || act(context)).unwrap_or_else(|| context.is_broken());
    if action == Action::Pause { STOP } else { CONTINUE }
}

/// Returns an array of the host.
///
/// # Safety
/// It has this length, and is there for as long as it is used.
unsafe fn array<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts(first, count) }
}

/// Copies headers.
///
/// # Safety
/// As for [`array`].
unsafe fn owned(fields: *const Field, count: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    // SAFETY: as the caller promises.
    let fields = unsafe { array(fields, count) }.iter().map(|field| unsafe { field.get() });
    fields.map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

/// Copies the answer to a call.
///
/// # Safety
/// As for [`array`].
unsafe fn answer(
    result: u32,
    fields: *const Field,
    count: usize,
    chunks: *const Bytes,
    chunk_count: usize,
) -> Option<CallAnswer> {
    if result != 0 || fields.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    let chunks = unsafe { array(chunks, chunk_count) }.iter().map(|chunk| unsafe { chunk.get() });
    // SAFETY: as above.
    Some(CallAnswer { headers: unsafe { owned(fields, count) }, body: chunks.collect::<Vec<_>>().concat() })
}

/// A call of a root is over.
fn delivered(root: Root, ours: Ours, call: u64, is_whole: bool) {
    // SAFETY: the host gives what it was lent. Should its end have begun on a worker, it waits for the last line here.
    if let Some(configured) = unsafe { lent::<Configured>(ours) } {
        let answer = calls::take_answer(root, call).filter(|_| is_whole);
        if guarded(Hook::Delivered, || configured.call_answered(call, answer)).is_none() {
            // The call is over in any case: its records are sent again.
            guarded(Hook::Abandon, || configured.give_up());
        }
    }
    calls::over(root, call);
}

fn configured(made: Option<Result<Configured, String>>) -> Ours {
    match made {
        Some(Ok(configured)) => lend(configured),
        Some(Err(problem)) => {
            log::error!("configuration refused: {problem}");
            ptr::null_mut()
        }
        None => ptr::null_mut(),
    }
}

macro_rules! hooks {
    ($($name:ident ($($arg:ident: $kind:ty),*) $(-> $result:ty)? $body:block)*) => {$(
        // SAFETY: the names are Envoy's own, and no other module defines them in this file.
        #[cfg_attr(test, inline(never))]
        #[unsafe(no_mangle)]
        extern "C" fn $name($($arg: $kind),*) $(-> $result)? $body
    )*};
}

hooks! {
    envoy_dynamic_module_on_program_init() -> *const c_char {
        logger::install();
        abi::version()
    }

    envoy_dynamic_module_on_http_filter_config_new(root: Root, name: Bytes, configuration: Bytes) -> Ours {
        // SAFETY: the host's bytes are there until this ends.
        let (name, configuration) = unsafe { (name.get(), configuration.get()) };
        configured(guarded(Hook::Configure, || Configured::filter(root, name, configuration)))
    }

    envoy_dynamic_module_on_http_filter_config_destroy(ours: Ours) {
        // SAFETY: the host is done with it.
        let Some(configured) = (unsafe { take_back::<Configured>(ours) }) else { return };
        guarded(Hook::End, || {
            configured.end();
            drop(configured);
        });
    }

    envoy_dynamic_module_on_http_filter_config_scheduled(_root: Root, ours: Ours, _event: u64) {
        // SAFETY: the host gives what it was lent.
        let Some(configured) = (unsafe { lent::<Configured>(ours) }) else { return };
        guarded(Hook::Tick, || configured.tick());
    }

    envoy_dynamic_module_on_http_filter_config_http_stream_headers(root: Root, _ours: Ours, call: u64, fields: *const Field, count: usize, _end: bool) {
        // SAFETY: the host's array has this length.
        guarded(Hook::Answer, || calls::head(root, call, unsafe { owned(fields, count) }));
    }

    envoy_dynamic_module_on_http_filter_config_http_stream_data(root: Root, _ours: Ours, call: u64, chunks: *const Bytes, count: usize, _end: bool) {
        // SAFETY: the host's array has this length, and its bytes are there until this ends.
        guarded(Hook::Answer, || calls::body(root, call, unsafe { array(chunks, count) }.iter().map(|chunk| unsafe { chunk.get() })));
    }

    envoy_dynamic_module_on_http_filter_config_http_stream_trailers(_root: Root, _ours: Ours, _call: u64, _fields: *const Field, _count: usize) {}

    envoy_dynamic_module_on_http_filter_config_http_stream_complete(root: Root, ours: Ours, call: u64) {
        delivered(root, ours, call, true);
    }

    envoy_dynamic_module_on_http_filter_config_http_stream_reset(root: Root, ours: Ours, call: u64, _reason: u32) {
        delivered(root, ours, call, false);
    }

    envoy_dynamic_module_on_http_filter_new(ours: Ours, stream: Stream) -> Ours {
        // SAFETY: the host gives what it was lent.
        let Some(configured) = (unsafe { lent::<Configured>(ours) }) else { return ptr::null_mut() };
        guarded(Hook::New, || lend(Context::new(&configured.role, stream))).unwrap_or(ptr::null_mut())
    }

    envoy_dynamic_module_on_http_filter_request_headers(_stream: Stream, ours: Ours, end: bool) -> u32 {
        on_stream(Hook::RequestHeaders, ours, |context| context.request_headers(end))
    }

    envoy_dynamic_module_on_http_filter_request_body(_stream: Stream, ours: Ours, end: bool) -> u32 {
        on_stream(Hook::RequestBody, ours, |context| context.request_body(end))
    }

    envoy_dynamic_module_on_http_filter_request_trailers(_stream: Stream, ours: Ours) -> u32 {
        on_stream(Hook::RequestTrailers, ours, Context::request_trailers)
    }

    envoy_dynamic_module_on_http_filter_response_headers(_stream: Stream, ours: Ours, end: bool) -> u32 {
        on_stream(Hook::ResponseHeaders, ours, |context| context.response_headers(end))
    }

    envoy_dynamic_module_on_http_filter_response_body(_stream: Stream, ours: Ours, end: bool) -> u32 {
        on_stream(Hook::ResponseBody, ours, |context| context.response_body(end))
    }

    envoy_dynamic_module_on_http_filter_response_trailers(_stream: Stream, ours: Ours) -> u32 {
        on_stream(Hook::ResponseTrailers, ours, Context::response_trailers)
    }

    envoy_dynamic_module_on_http_filter_stream_complete(_stream: Stream, ours: Ours) {
        // SAFETY: the host gives what `filter_new` has lent.
        let Some(context) = (unsafe { lent::<Context>(ours) }) else { return };
        guarded(Hook::Complete, || context.complete());
    }

    envoy_dynamic_module_on_http_filter_destroy(ours: Ours) {
        // SAFETY: the host is done with it.
        let Some(context) = (unsafe { take_back::<Context>(ours) }) else { return };
        guarded(Hook::Destroy, || {
            context.destroyed();
            drop(context);
        });
    }

    envoy_dynamic_module_on_http_filter_scheduled(_stream: Stream, _ours: Ours, _event: u64) {
        guarded(Hook::Wake, || {
            let native = Native::new(At::Nothing);
            headgate_shell::tick_streams(&native);
            native.finish();
        });
    }

    envoy_dynamic_module_on_http_filter_http_callout_done(_stream: Stream, ours: Ours, call: u64, result: u32, fields: *const Field, count: usize, chunks: *const Bytes, chunk_count: usize) {
        on_stream(Hook::Answered, ours, |context| {
            // SAFETY: the host's arrays have these lengths.
            context.call_answered(call, unsafe { answer(result, fields, count, chunks, chunk_count) });
            Action::Continue
        });
    }

    envoy_dynamic_module_on_access_logger_config_new(_host: Ours, name: Bytes, _configuration: Bytes) -> Ours {
        // SAFETY: the host's bytes are there until this ends.
        let name = unsafe { name.get() };
        configured(guarded(Hook::Configure, || Configured::logger(name)))
    }

    envoy_dynamic_module_on_access_logger_config_destroy(ours: Ours) {
        // SAFETY: the host is done with it.
        drop(unsafe { take_back::<Configured>(ours) });
    }

    envoy_dynamic_module_on_access_logger_new(ours: Ours, _logger: Logger) -> Ours {
        ours
    }

    envoy_dynamic_module_on_access_logger_log(logger: Logger, ours: Ours, _kind: u32) {
        // SAFETY: a logger is its configuration, which outlives it.
        let Some(configured) = (unsafe { lent::<Configured>(ours) }) else { return };
        guarded(Hook::Log, || {
            if matches!(configured.role, Role::Resets) {
                return contexts::try_is_logged(logger.upstream_connection(), logger.flags() & REMOTE_RESET != 0);
            }
            let native = Native::new(At::Log(logger));
            configured.role.log(&native);
            native.finish();
        });
    }

    envoy_dynamic_module_on_access_logger_destroy(_ours: Ours) {}

    envoy_dynamic_module_on_http_filter_local_reply(_stream: Stream, _ours: Ours, _status: u32, _details: Bytes, _reset: bool) -> u32 {
        CONTINUE
    }

    envoy_dynamic_module_on_http_filter_per_route_config_new(_name: Bytes, _configuration: Bytes) -> Ours {
        ptr::null_mut()
    }

    envoy_dynamic_module_on_http_filter_per_route_config_destroy(_ours: Ours) {}
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(_stream: Stream, _ours: Ours) {}
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(_stream: Stream, _ours: Ours) {}
    // Streams of a filter's own are never begun, but the host asks for these.
    envoy_dynamic_module_on_http_filter_http_stream_headers() {}
    envoy_dynamic_module_on_http_filter_http_stream_data() {}
    envoy_dynamic_module_on_http_filter_http_stream_trailers() {}
    envoy_dynamic_module_on_http_filter_http_stream_complete() {}
    envoy_dynamic_module_on_http_filter_http_stream_reset() {}
}
