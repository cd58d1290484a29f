//! A stand-in for Envoy, on which the case files pass through the hooks themselves: in memory that a sanitizer watches.
//!
//! It keeps every header and every chunk of a body in memory of its own, and gives that back as soon as it is changed, as Envoy does.
//! `just asan` runs it so. It shows nothing about Envoy itself: the end-to-end tests do.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]

mod callbacks;
mod case;
mod cost;
mod filter;
mod host;
mod stream;
mod tries;

use std::cell::Cell;

/// When cases are played that say nothing of a time, µs since the Unix epoch.
const DEFAULT_AT: u64 = 1_790_000_000_000_000;

thread_local! {
    static NOW_US: Cell<u64> = const { Cell::new(DEFAULT_AT) };
}

/// Returns the time of the stand-in, µs since the Unix epoch.
pub(crate) fn now_us() -> u64 {
    NOW_US.get()
}

/// Lets time pass.
fn pass_us(us: u64) {
    NOW_US.set(NOW_US.get() + us);
}

/// Sets the time, and forgets whatever the module knows.
fn begin_at(us: u64) {
    NOW_US.set(us);
    crate::shared::forget();
    crate::member::forget();
}
