//! The collector's only clock.
//!
//! All other code gets the time from here, so that a search for it finds one file. Wall time dates stored entries. A
//! [`Stopwatch`] measures durations, because wall time may jump. If the host's clock goes back behind the last time that the
//! store knows, time continues from there: no entry becomes younger, and none that has expired becomes valid again.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Lower bound of [`now_us`] at the first reading of the time in this process, µs.
static LOWER_BOUND_US: AtomicI64 = AtomicI64::new(0);

/// Returns the time in µs since the Unix epoch, not before the time set by [`set_lower_bound`].
#[must_use]
pub fn now_us() -> i64 {
    host_us().max(LOWER_BOUND_US.load(Ordering::Relaxed).saturating_add(running_us()))
}

/// Returns the host's time in µs since the Unix epoch; 0 for a clock set before it.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this module is the collector's one clock")]
pub fn host_us() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(0)
}

/// Sets the time, µs, that [`now_us`] does not fall below from now on, even if the host's clock does.
pub fn set_lower_bound(us: i64) {
    LOWER_BOUND_US.store(us.saturating_sub(running_us()), Ordering::Relaxed);
}

/// Returns the time since the first reading of the time in this process, µs.
fn running_us() -> i64 {
    static FIRST: OnceLock<Stopwatch> = OnceLock::new();
    i64::try_from(FIRST.get_or_init(Stopwatch::start).elapsed().as_micros()).unwrap_or(i64::MAX)
}

/// Measures elapsed time, independent of changes of the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts a measurement now.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this module is the collector's one clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
