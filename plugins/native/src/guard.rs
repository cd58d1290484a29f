//! The edge of a hook: a panic ends here.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// A function that the host calls, by which a test names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hook {
    Configure,
    Tick,
    Delivered,
    End,
    New,
    RequestHeaders,
    RequestBody,
    RequestTrailers,
    ResponseHeaders,
    ResponseBody,
    ResponseTrailers,
    Complete,
    Answered,
    Wake,
    Log,
    Destroy,
}

/// Runs `act`. `None` if it panics: its caller then refuses, since what `act` was about may be half done.
pub(crate) fn guarded<T>(hook: Hook, act: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(|| {
        fault(hook);
        act()
    }))
    .ok()
}

#[cfg(not(feature = "faults"))]
fn fault(_: Hook) {}

/// Panics in the hook that the file `HEADGATE_FAULT` names.
#[cfg(feature = "faults")]
#[allow(clippy::panic, reason = "the fault that is tested")]
fn fault(hook: Hook) {
    let Some(file) = std::env::var_os("HEADGATE_FAULT") else { return };
    if std::fs::read_to_string(file).is_ok_and(|named| named.trim() == format!("{hook:?}")) {
        panic!("a fault of a test");
    }
}
