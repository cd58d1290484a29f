//! The cost of tokens, in whole nano-USD.

use crate::document::{Price, PriceVariant};
use headgate_record::{Cost, Usage};

/// Words for the tier at a model's usual price. `scale` is capacity that was bought beforehand.
const STANDARD: [&str; 7] = ["", "default", "standard", "auto", "standard_only", "on_demand", "scale"];

/// The cost of this usage in a service tier; prices are nano-USD per million tokens, the sum is rounded up to a whole
/// nano-USD.
pub(crate) fn cost_in_tier(price: &Price, tier: &str, usage: &Usage) -> Cost {
    let (rates, known) = Rates::of(price, tier, usage.input_tokens);
    let cached = usage.cached_input_tokens.min(usage.input_tokens);
    let written = usage.cache_write_input_tokens.min(usage.input_tokens.saturating_sub(cached));
    let written_1h = usage.cache_write_1h_input_tokens.min(written);
    let parts = [
        (usage.input_tokens.saturating_sub(cached).saturating_sub(written), rates.input),
        (cached, rates.cached_input),
        (written.saturating_sub(written_1h), rates.cache_write),
        (written_1h, rates.cache_write_1h),
        (usage.output_tokens, rates.output),
    ];
    // Each product of two u64 fits, the sum of them is bounded by saturation.
    let sum =
        parts.iter().fold(0_u128, |sum, (tokens, each)| sum.saturating_add(u128::from(*tokens) * u128::from(*each)));
    Cost {
        nano_usd: u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX),
        price_revision: price.revision.clone(),
        assumed: price.assumed || !known,
    }
}

/// Prices of one request.
#[derive(Debug, Clone, Copy)]
struct Rates {
    input: u64,
    cached_input: u64,
    cache_write: u64,
    cache_write_1h: u64,
    output: u64,
}

impl Rates {
    /// The prices in a tier for a prompt of so many tokens, and whether they are known. A tier without prices costs as much as
    /// the dearest one that has some.
    fn of(price: &Price, tier: &str, input_tokens: u64) -> (Self, bool) {
        let usual = Self::usual(price);
        if price.variants.is_empty() {
            return (usual, is_standard(tier) || is_cheaper(tier));
        }
        let fits = |variant: &&PriceVariant| variant.above == 0 || input_tokens > variant.above;
        let fitting = || price.variants.iter().filter(fits);
        let best = |name: &str| fitting().filter(|one| one.tier == name).max_by_key(|one| one.above);
        let standard = best("").map_or(usual, Self::variant);
        if is_standard(tier) {
            return (standard, true);
        }
        match best(tier) {
            // The tier has no price for a prompt of this length: it is surely not below the standard one.
            Some(one) if one.above == 0 && best("").is_some() => (Self::variant(one).or_dearer(standard), true),
            Some(one) => (Self::variant(one), true),
            None if is_cheaper(tier) => (standard, true),
            None => (fitting().fold(standard, |dearest, one| dearest.or_dearer(Self::variant(one))), false),
        }
    }

    fn usual(price: &Price) -> Self {
        let Price { input, cached_input, cache_write, cache_write_1h, output, .. } = *price;
        Self { input, cached_input, cache_write, cache_write_1h, output }
    }

    fn variant(one: &PriceVariant) -> Self {
        let PriceVariant { input, cached_input, cache_write, cache_write_1h, output, .. } = *one;
        Self { input, cached_input, cache_write, cache_write_1h, output }
    }

    /// Of each price the higher one.
    fn or_dearer(self, other: Self) -> Self {
        Self {
            input: self.input.max(other.input),
            cached_input: self.cached_input.max(other.cached_input),
            cache_write: self.cache_write.max(other.cache_write),
            cache_write_1h: self.cache_write_1h.max(other.cache_write_1h),
            output: self.output.max(other.output),
        }
    }
}

fn is_standard(tier: &str) -> bool {
    STANDARD.iter().any(|word| tier.eq_ignore_ascii_case(word))
}

/// Tiers that providers sell below their standard price.
pub(crate) fn is_cheaper(tier: &str) -> bool {
    matches!(tier, "flex" | "batch")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(price: &Price, usage: &Usage) -> Cost {
        cost_in_tier(price, "", usage)
    }

    fn price() -> Price {
        // $1.25, $0.125 and $10 per million tokens.
        Price { input: 1_250_000_000, cached_input: 125_000_000, output: 10_000_000_000, ..Price::default() }
    }

    #[test]
    fn cached_input_has_its_own_price() {
        let usage = Usage { input_tokens: 1_000, cached_input_tokens: 400, output_tokens: 100, ..Usage::default() };
        assert_eq!(cost(&price(), &usage).nano_usd, 600 * 1_250 + 400 * 125 + 100 * 10_000);
    }

    #[test]
    fn cache_writes_cost_by_duration() {
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
    fn oversized_parts_are_not_paid_twice() {
        let price = Price { input: 2_000_000, cached_input: 1_000_000, cache_write: 4_000_000, ..Price::default() };
        let usage = Usage { input_tokens: 10, cached_input_tokens: 8, cache_write_input_tokens: 8, ..Usage::default() };
        assert_eq!(cost(&price, &usage).nano_usd, 8 + 2 * 4);
    }

    #[test]
    fn fraction_of_a_nano_usd_rounds_up() {
        let price = Price { input: 1, ..Price::default() };
        assert_eq!(cost(&price, &Usage { input_tokens: 1, ..Usage::default() }).nano_usd, 1);
    }

    fn variant(tier: &str, above: u64, input: u64, output: u64) -> PriceVariant {
        PriceVariant { tier: tier.to_owned(), above, input, output, ..PriceVariant::default() }
    }

    /// Of 1,000 tokens in and 1,000 out, at prices in nano-USD per thousand tokens.
    fn in_tier(tier: &str, input_tokens: u64) -> (u64, bool) {
        let price = Price {
            input: 10_000,
            output: 20_000,
            variants: vec![
                variant("flex", 0, 5_000, 10_000),
                variant("priority", 0, 20_000, 40_000),
                variant("", 2_000, 15_000, 30_000),
                variant("flex", 2_000, 7_000, 15_000),
            ],
            ..Price::default()
        };
        let usage = Usage { input_tokens, output_tokens: 1_000, ..Usage::default() };
        let Cost { nano_usd, assumed, .. } = cost_in_tier(&price, tier, &usage);
        (nano_usd, assumed)
    }

    #[test]
    fn each_tier_has_its_own_price() {
        for tier in ["", "default", "standard", "auto", "scale", "DEFAULT"] {
            assert_eq!(in_tier(tier, 1_000), (30, false), "{tier}");
        }
        assert_eq!(in_tier("flex", 1_000), (15, false));
        assert_eq!(in_tier("priority", 1_000), (60, false));
        assert_eq!(in_tier("batch", 1_000), (30, false), "a cheaper tier without a price is not dearer than usual");
    }

    #[test]
    fn unknown_tier_costs_the_highest_price() {
        assert_eq!(in_tier("turbo", 1_000), (60, true));
        assert_eq!(in_tier("Priority", 1_000), (60, true));
        let plain = Price { input: 1_000, ..Price::default() };
        let cost = cost_in_tier(&plain, "turbo", &Usage { input_tokens: 1_000, ..Usage::default() });
        assert_eq!((cost.nano_usd, cost.assumed), (1, true));
    }

    #[test]
    fn long_prompt_has_its_price_in_each_tier() {
        assert_eq!(in_tier("", 2_000), (40, false), "up to the bound the usual price holds");
        assert_eq!(in_tier("", 4_000), (4 * 15 + 30, false));
        assert_eq!(in_tier("flex", 4_000), (4 * 7 + 15, false));
        assert_eq!(in_tier("priority", 4_000), (4 * 20 + 40, false), "not below the standard price of long prompts");
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
