//! The edge of a hook: a panic ends here.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// A function that the host calls, by which a test names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hook {
    Configure,
    Tick,
    Answer,
    Delivered,
    Abandon,
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
    guarded_at("", hook, act)
}

/// The same in one of several places where the host calls a hook.
pub(crate) fn guarded_at<T>(place: &str, hook: Hook, act: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(|| {
        fault(place, hook);
        act()
    }))
    .ok()
}

#[cfg(not(feature = "faults"))]
fn fault(_: &str, _: Hook) {}

/// Panics in the hook that the file `HEADGATE_FAULT` names, as in `RequestBody`, or in a provider's cluster `Attempt RequestBody`.
#[cfg(feature = "faults")]
#[allow(clippy::panic, reason = "the fault that is tested")]
fn fault(place: &str, hook: Hook) {
    let Some(file) = std::env::var_os("HEADGATE_FAULT") else { return };
    let name = format!("{place} {hook:?}");
    if std::fs::read_to_string(file).is_ok_and(|named| named.trim() == name.trim()) {
        panic!("a fault of a test");
    }
}
