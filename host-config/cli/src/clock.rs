//! The only clock of the command. All other code gets the time as an argument.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[allow(
    clippy::disallowed_methods,
    reason = "the command owns the clock; everything below gets the time as an argument"
)]
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn now() -> u64 {
    now_ms() / 1_000
}

/// Returns a function that tells whether the duration has passed since this call.
#[allow(clippy::disallowed_methods, reason = "as above: a wait is measured here and nowhere else")]
pub(crate) fn timer(time: Duration) -> impl Fn() -> bool {
    let start = Instant::now();
    move || start.elapsed() >= time
}
