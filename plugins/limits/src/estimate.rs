//! The likely length of answers: a mean for each model, learned from answers that were served.

use std::collections::HashMap;

/// Output tokens of an answer of a model that has not answered yet.
const UNKNOWN: u64 = 512;
/// Weight of the newest answer: one in eight.
const SHIFT: u32 = 3;

/// Means of output tokens by the name of the alias, which is the same in the next policy. One worker's own; it is a guess
/// and need not be shared.
#[derive(Debug, Default)]
pub struct OutputEstimates {
    /// Scaled by 2^SHIFT.
    scaled: HashMap<String, u64>,
}

impl OutputEstimates {
    /// Output tokens that an answer of this alias is likely to take.
    #[must_use]
    pub fn output_tokens(&self, alias: &str) -> u64 {
        self.scaled.get(alias).map_or(UNKNOWN, |scaled| (scaled >> SHIFT).max(1))
    }

    /// Learns from an answer.
    pub fn learn(&mut self, alias: &str, output_tokens: u64) {
        let output_tokens = output_tokens.min(1 << 40);
        if let Some(mean) = self.scaled.get_mut(alias) {
            *mean = mean.saturating_sub(*mean >> SHIFT).saturating_add(output_tokens);
        } else {
            self.scaled.insert(alias.to_owned(), output_tokens << SHIFT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_follows_the_answers() {
        let mut output_estimates = OutputEstimates::default();
        assert_eq!(output_estimates.output_tokens("a"), UNKNOWN);
        output_estimates.learn("a", 100);
        assert_eq!(output_estimates.output_tokens("a"), 100);
        for _ in 0..100 {
            output_estimates.learn("a", 1_000);
        }
        assert!(
            (950..=1_000).contains(&output_estimates.output_tokens("a")),
            "{}",
            output_estimates.output_tokens("a")
        );
        assert_eq!(output_estimates.output_tokens("b"), UNKNOWN, "models do not learn from each other");
    }
}
