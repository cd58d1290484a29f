//! Random numbers whose seed is printed, so that a run that failed can be had again.

use std::time::{SystemTime, UNIX_EPOCH};

/// Marsaglia's xorshift64*.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Of the clock, unless the environment variable names a seed.
    pub(crate) fn seed(variable: &str) -> u64 {
        let named = std::env::var(variable).ok().and_then(|text| text.parse().ok());
        let seed =
            named.unwrap_or_else(|| u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos()));
        eprintln!("{variable}={seed}");
        seed
    }

    /// From 0, below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % bound.max(1)
    }
}
