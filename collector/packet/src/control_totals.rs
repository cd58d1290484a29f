//! Control totals: sums over records that two ways of counting must agree on.

use serde::{Deserialize, Serialize};

/// Sums over the records of a packet's period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlTotals {
    /// Records.
    pub records: u64,
    /// Records with a status of 400 and above.
    pub errors: u64,
    /// Tokens of the prompts.
    pub input_tokens: u64,
    /// Of these, tokens from the provider's cache.
    pub cached_input_tokens: u64,
    /// Tokens of the answers.
    pub output_tokens: u64,
    /// Of these, tokens spent on reasoning.
    pub reasoning_tokens: u64,
    /// The cost in nano-USD.
    pub cost_nano_usd: u64,
}

/// The members of a record that are added up.
#[derive(Debug, Default, Deserialize)]
struct Counted {
    started_at: u64,
    #[serde(default)]
    status: u64,
    #[serde(default)]
    usage: Option<Tokens>,
    #[serde(default)]
    cost: Option<Money>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Tokens {
    input_tokens: u64,
    cached_input_tokens: u64,
    output_tokens: u64,
    reasoning_tokens: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Money {
    nano_usd: u64,
}

impl ControlTotals {
    /// The names of the sums, in the order of [`ControlTotals::values`].
    pub const NAMES: [&'static str; 7] = [
        "records",
        "errors",
        "input tokens",
        "of these cached",
        "output tokens",
        "of these reasoning",
        "cost in nano-USD",
    ];

    /// Returns the sums.
    #[must_use]
    pub const fn values(&self) -> [u64; 7] {
        [
            self.records,
            self.errors,
            self.input_tokens,
            self.cached_input_tokens,
            self.output_tokens,
            self.reasoning_tokens,
            self.cost_nano_usd,
        ]
    }

    /// Adds a record if it started in the period, given in µs. Returns whether it did; `None` if it cannot be read.
    pub fn add_line(&mut self, line: &[u8], period: (i64, i64)) -> Option<bool> {
        let Counted { started_at, status, usage, cost } = serde_json::from_slice(line).ok()?;
        if !i64::try_from(started_at).is_ok_and(|at| (period.0..period.1).contains(&at)) {
            return Some(false);
        }
        let usage = usage.unwrap_or_default();
        let more = Self {
            records: 1,
            errors: u64::from(status >= 400),
            input_tokens: usage.input_tokens,
            cached_input_tokens: usage.cached_input_tokens,
            output_tokens: usage.output_tokens,
            reasoning_tokens: usage.reasoning_tokens,
            cost_nano_usd: cost.unwrap_or_default().nano_usd,
        };
        self.combine(&more, u64::saturating_add);
        Some(true)
    }

    /// Subtracts other sums; none falls below zero.
    #[must_use]
    pub fn without(mut self, other: &Self) -> Self {
        self.combine(other, u64::saturating_sub);
        self
    }

    fn combine(&mut self, other: &Self, with: fn(u64, u64) -> u64) {
        for (sum, more) in [
            (&mut self.records, other.records),
            (&mut self.errors, other.errors),
            (&mut self.input_tokens, other.input_tokens),
            (&mut self.cached_input_tokens, other.cached_input_tokens),
            (&mut self.output_tokens, other.output_tokens),
            (&mut self.reasoning_tokens, other.reasoning_tokens),
            (&mut self.cost_nano_usd, other.cost_nano_usd),
        ] {
            *sum = with(*sum, more);
        }
    }
}
