//! The collector's only clock.
//!
//! Everything else gets the time from here, so that a search for it finds one file. Wall time dates what is stored;
//! a [`Stopwatch`] measures, because wall time may jump.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// µs since the Unix epoch; 0 for a clock set before it.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this module is the collector's one clock")]
pub fn now_us() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(0)
}

/// Measures elapsed time, untouched by changes of the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "this module is the collector's one clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
