//! What tokens cost, in whole nano-USD.

use crate::document::Price;
use headgate_record::{Cost, Usage};

/// The cost of this usage; prices are nano-USD per million tokens, the sum is rounded up to a whole nano-USD.
pub(crate) fn cost(price: &Price, usage: &Usage) -> Cost {
    let cached = usage.cached_input_tokens.min(usage.input_tokens);
    let written = usage.cache_write_input_tokens.min(usage.input_tokens.saturating_sub(cached));
    let written_1h = usage.cache_write_1h_input_tokens.min(written);
    let parts = [
        (usage.input_tokens.saturating_sub(cached).saturating_sub(written), price.input),
        (cached, price.cached_input),
        (written.saturating_sub(written_1h), price.cache_write),
        (written_1h, price.cache_write_1h),
        (usage.output_tokens, price.output),
    ];
    // Each product of two u64 fits, the sum of them is bounded by saturation.
    let sum =
        parts.iter().fold(0_u128, |sum, (tokens, each)| sum.saturating_add(u128::from(*tokens) * u128::from(*each)));
    Cost {
        nano_usd: u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX),
        price_revision: price.revision.clone(),
        assumed: price.assumed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price() -> Price {
        // $1.25, $0.125 and $10 per million tokens.
        Price { input: 1_250_000_000, cached_input: 125_000_000, output: 10_000_000_000, ..Price::default() }
    }

    #[test]
    fn cached_input_is_part_of_the_input_and_priced_as_such() {
        let usage = Usage { input_tokens: 1_000, cached_input_tokens: 400, output_tokens: 100, ..Usage::default() };
        assert_eq!(cost(&price(), &usage).nano_usd, 600 * 1_250 + 400 * 125 + 100 * 10_000);
    }

    #[test]
    fn cache_writes_are_part_of_the_input_and_cost_by_how_long_they_are_kept() {
        // $3, $0.30, $3.75 and $6 per million tokens, as Anthropic prices a $3 model.
        let price = Price {
            input: 3_000_000_000,
            cached_input: 300_000_000,
            cache_write: 3_750_000_000,
            cache_write_1h: 6_000_000_000,
            ..Price::default()
        };
        let usage = Usage {
            input_tokens: 1_000,
            cached_input_tokens: 400,
            cache_write_input_tokens: 500,
            cache_write_1h_input_tokens: 200,
            ..Usage::default()
        };
        assert_eq!(cost(&price, &usage).nano_usd, 100 * 3_000 + 400 * 300 + 300 * 3_750 + 200 * 6_000);
    }

    #[test]
    fn parts_that_are_more_than_their_whole_are_not_paid_twice() {
        let price = Price { input: 2_000_000, cached_input: 1_000_000, cache_write: 4_000_000, ..Price::default() };
        let usage = Usage { input_tokens: 10, cached_input_tokens: 8, cache_write_input_tokens: 8, ..Usage::default() };
        assert_eq!(cost(&price, &usage).nano_usd, 8 + 2 * 4);
    }

    #[test]
    fn a_fraction_of_a_nano_usd_is_rounded_up_never_to_free() {
        let price = Price { input: 1, ..Price::default() };
        assert_eq!(cost(&price, &Usage { input_tokens: 1, ..Usage::default() }).nano_usd, 1);
    }

    #[test]
    fn absurd_numbers_saturate() {
        let price = Price { input: u64::MAX, output: u64::MAX, ..Price::default() };
        let usage = Usage {
            input_tokens: u64::MAX,
            output_tokens: u64::MAX,
            cached_input_tokens: u64::MAX,
            ..Usage::default()
        };
        assert_eq!(cost(&price, &usage).nano_usd, u64::MAX);
    }
}
