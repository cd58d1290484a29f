//! How long answers are when nobody says: a mean for each model, learned from what was served.

use std::collections::HashMap;

/// Output tokens of an answer of a model that has not answered yet.
const UNKNOWN: u64 = 512;
/// Weight of the newest answer: one in eight.
const SHIFT: u32 = 3;

/// Means of output tokens by the index of the alias. One worker's own; it is a guess and need not be shared.
#[derive(Debug, Default)]
pub struct Means {
    /// Scaled by 2^SHIFT.
    scaled: HashMap<usize, u64>,
}

impl Means {
    /// Output tokens that an answer of this alias is likely to take.
    #[must_use]
    pub fn output_tokens(&self, alias: usize) -> u64 {
        self.scaled.get(&alias).map_or(UNKNOWN, |scaled| (scaled >> SHIFT).max(1))
    }

    /// Learns from an answer.
    pub fn learn(&mut self, alias: usize, output_tokens: u64) {
        let output_tokens = output_tokens.min(1 << 40);
        let mean = self.scaled.entry(alias).or_insert(output_tokens << SHIFT);
        *mean = mean.saturating_sub(*mean >> SHIFT).saturating_add(output_tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_starts_with_the_first_answer_and_follows_the_next_ones() {
        let mut means = Means::default();
        assert_eq!(means.output_tokens(0), UNKNOWN);
        means.learn(0, 100);
        assert_eq!(means.output_tokens(0), 100);
        for _ in 0..100 {
            means.learn(0, 1_000);
        }
        assert!((950..=1_000).contains(&means.output_tokens(0)), "{}", means.output_tokens(0));
        assert_eq!(means.output_tokens(1), UNKNOWN, "models do not learn from each other");
    }
}
