//! The collector's only clock.
//!
//! Everything else gets the time from here, so that a search for it finds one file. Wall time dates what is stored;
//! a [`Stopwatch`] measures, because wall time may jump. If the host's clock goes back behind what the store knows, time goes on
//! from there: what was received, or expired, is not younger than it was.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The least that [`now_us`] would have said when the process looked at the time first, µs.
static LEAST_US: AtomicI64 = AtomicI64::new(0);

/// µs since the Unix epoch, and not before what [`not_before`] said.
#[must_use]
pub fn now_us() -> i64 {
    host_us().max(LEAST_US.load(Ordering::Relaxed).saturating_add(running_us()))
}

/// What the host's clock says, µs since the Unix epoch; 0 for a clock set before it.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this module is the collector's one clock")]
pub fn host_us() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(0)
}

/// It is later than this, whatever the host's clock says from now on, µs.
pub fn not_before(us: i64) {
    LEAST_US.store(us.saturating_sub(running_us()), Ordering::Relaxed);
}

/// For how long this process has looked at the time, µs.
fn running_us() -> i64 {
    static FIRST: OnceLock<Stopwatch> = OnceLock::new();
    i64::try_from(FIRST.get_or_init(Stopwatch::start).elapsed().as_micros()).unwrap_or(i64::MAX)
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
