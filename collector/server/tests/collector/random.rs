//! Random numbers with a printed seed, so that a failed run can be repeated.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns a number of rounds: the larger one under `just soak`, which sets `HEADGATE_SOAK`.
pub(crate) fn rounds(short: u64, long: u64) -> u64 {
    if std::env::var_os("HEADGATE_SOAK").is_some() { long } else { short }
}

/// Marsaglia's xorshift64*.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns the seed from the environment variable, otherwise from the clock.
    pub(crate) fn seed(variable: &str) -> u64 {
        let named = std::env::var(variable).ok().and_then(|text| text.parse().ok());
        let seed =
            named.unwrap_or_else(|| u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos()));
        eprintln!("{variable}={seed}");
        seed
    }

    /// Returns a number from 0 to below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % bound.max(1)
    }
}
