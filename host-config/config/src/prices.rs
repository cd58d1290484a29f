//! The price catalogue: `prices.json` beside this crate, compiled in.
//!
//! Every price has the page on which it was read, and the date. A model that is not listed is never free: it is charged
//! like the most expensive model of its provider.

use crate::scalar::nano_usd;
use headgate_policy::document::{Price, PriceVariant};
use serde::Deserialize;
use std::collections::BTreeMap;

static PRICES: &str = include_str!("../prices.json");

/// Hosts whose prices are in the catalogue, with their families.
const FAMILIES: [(&str, &str); 9] = [
    ("api.openai.com", "openai"),
    ("eu.api.openai.com", "openai"),
    ("us.api.openai.com", "openai"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "google"),
    ("api.mistral.ai", "mistral"),
    ("codestral.mistral.ai", "mistral"),
    ("api.x.ai", "xai"),
    ("api.deepseek.com", "deepseek"),
];

/// The catalogue as the file has it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuiltInPrices {
    /// Date of the last change.
    pub revision: String,
    /// Unit of the prices.
    pub unit: String,
    /// Sources of facts that were not read on the providers' pages.
    pub by_way_of: String,
    /// Prices, US dollars per million tokens, ordered by family and model.
    pub prices: Vec<Listed>,
}

/// One model.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Family of the model.
    pub family: String,
    /// Model, as the provider names it.
    pub model: String,
    /// Most tokens of one prompt.
    pub context_window: Option<u64>,
    /// Prices in the standard tier.
    pub rates: ListedRates,
    /// Prices for long prompts.
    pub long: Option<ListedLong>,
    /// Prices in other service tiers.
    #[serde(default)]
    pub tiers: BTreeMap<String, ListedTier>,
    /// First day on which it is not served any more; `2026-11-01`.
    pub retires: Option<String>,
    /// Page on which it was read.
    pub source: String,
    /// Date of that page, else the date on which it was read; `2026-11-01`.
    pub as_of: String,
    /// Remark on the price.
    pub note: Option<String>,
}

/// Prices by kind of token.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedRates {
    /// Input.
    pub input: String,
    /// Input read from the provider's cache; without it the price of input.
    pub cached_input: Option<String>,
    /// Input written to the provider's cache; without it by the family's rule.
    pub cache_write: Option<String>,
    /// Output.
    pub output: String,
}

/// Prices for prompts above a length.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedLong {
    /// Tokens of the prompt.
    pub above: u64,
    /// Prices.
    pub rates: ListedRates,
}

/// Prices in a service tier.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedTier {
    /// Prices.
    pub rates: ListedRates,
    /// Prices for long prompts.
    pub long: Option<ListedLong>,
}

/// Returns the family whose price list applies to a host.
#[must_use]
pub fn family_of(authority: &str) -> Option<&'static str> {
    FAMILIES.iter().find(|(host, _)| *host == authority).map(|(_, family)| *family)
}

impl BuiltInPrices {
    /// Returns the catalogue that is compiled in.
    #[must_use]
    pub fn built_in() -> Self {
        serde_json::from_slice(PRICES.as_bytes()).unwrap_or_default()
    }

    /// Returns the price of a model, and, if it is not listed, the name of the most expensive listed model.
    ///
    /// A dated snapshot that is not listed costs as much as its model. Any other model that is not listed costs, for each
    /// kind of token, as much as the most expensive model of its family that is still served.
    #[must_use]
    pub fn price(&self, family: Option<&str>, model: &str) -> (Price, Option<&str>) {
        if let Some(listed) = self.find(family, model) {
            return (self.as_price(listed), None);
        }
        let current: Vec<&Listed> = self.current(family).collect();
        let dearest = current.iter().max_by_key(|listed| nano_usd(&listed.rates.output).unwrap_or_default());
        let mut price = current.iter().map(|listed| self.as_price(listed)).fold(Price::default(), dearer);
        let usual = usual(&price);
        // A model with a price for long prompts may be cheap. No price for long prompts may be below the usual one.
        for long in price.variants.iter_mut().filter(|variant| variant.tier.is_empty()) {
            *long = max_variant(long, &usual);
        }
        match dearest {
            Some(listed) => (Price { assumed: true, revision: self.label(), ..price }, Some(&listed.model)),
            None => (Price::default(), None),
        }
    }

    /// Returns the most tokens of one prompt that a model takes, if it is listed.
    #[must_use]
    pub fn context_window(&self, family: Option<&str>, model: &str) -> Option<u64> {
        self.find(family, model)?.context_window
    }

    /// Returns the entry of a model, or of the model of which it is a dated snapshot.
    fn find(&self, family: Option<&str>, model: &str) -> Option<&Listed> {
        // Google's OpenAI API takes its models under both names.
        let model = model.strip_prefix("models/").unwrap_or(model);
        self.listed(family, model).or_else(|| self.listed(family, undated(model)?))
    }

    /// Returns every model of a family with its price.
    pub(crate) fn of_family<'a>(&'a self, family: Option<&'a str>) -> impl Iterator<Item = (String, Price)> + 'a {
        let own = move |listed: &&Listed| Some(listed.family.as_str()) == family;
        self.prices.iter().filter(own).map(|listed| (listed.model.clone(), self.as_price(listed)))
    }

    /// Returns the names of all models.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.prices.iter().map(|listed| listed.model.as_str())
    }

    /// Returns the family's own entry, else another family's entry of that name.
    fn listed(&self, family: Option<&str>, model: &str) -> Option<&Listed> {
        let named = || self.prices.iter().filter(|listed| listed.model == model);
        named().find(|listed| Some(listed.family.as_str()) == family).or_else(|| named().next())
    }

    /// Returns the models of a family that are still served, or those of all families if there is none of this name.
    fn current<'a, 'b>(&'a self, family: Option<&'b str>) -> impl Iterator<Item = &'a Listed> + use<'a, 'b> {
        let of_family = move |listed: &&Listed| Some(listed.family.as_str()) == family;
        let any = self.prices.iter().any(|listed| of_family(&listed));
        let served = |listed: &&Listed| listed.retires.as_ref().is_none_or(|day| *day > self.revision);
        self.prices.iter().filter(move |listed| !any || of_family(listed)).filter(served)
    }

    fn label(&self) -> String {
        format!("catalog-{}", self.revision)
    }

    fn as_price(&self, listed: &Listed) -> Price {
        let family = listed.family.as_str();
        let usual = variant(family, "", 0, &listed.rates);
        let long = |tier: &str, long: &Option<ListedLong>| {
            long.as_ref().map(|long| variant(family, tier, long.above, &long.rates))
        };
        let mut variants: Vec<PriceVariant> = long("", &listed.long).into_iter().collect();
        for (tier, listed) in &listed.tiers {
            variants.push(variant(family, tier, 0, &listed.rates));
            variants.extend(long(tier, &listed.long));
        }
        if family == "anthropic" {
            // Capacity that was bought in advance, at the standard price of a token.
            variants.push(PriceVariant { tier: "priority".to_owned(), ..usual.clone() });
        }
        priced(usual, variants, &self.label())
    }
}

/// Returns a price of its usual rates and its variants.
pub(crate) fn priced(usual: PriceVariant, variants: Vec<PriceVariant>, revision: &str) -> Price {
    let PriceVariant { input, cached_input, cache_write, cache_write_1h, output, .. } = usual;
    let revision = revision.to_owned();
    Price { input, cached_input, cache_write, cache_write_1h, output, revision, assumed: false, variants }
}

fn variant(family: &str, tier: &str, above: u64, rates: &ListedRates) -> PriceVariant {
    let amount = |text: &str| nano_usd(text).unwrap_or_default();
    let input = amount(&rates.input);
    let rule = if family == "anthropic" { CacheWrites::anthropic(input) } else { CacheWrites::like(input) };
    let cache_write = rates.cache_write.as_deref().map_or(rule.usual, amount);
    PriceVariant {
        tier: tier.to_owned(),
        above,
        input,
        cached_input: amount(rates.cached_input.as_deref().unwrap_or(&rates.input)),
        cache_write,
        cache_write_1h: rule.for_an_hour.max(cache_write),
        output: amount(&rates.output),
    }
}

/// Returns the higher one of each rate, also for long prompts and other tiers, so that nothing is cheaper.
fn dearer(one: Price, other: Price) -> Price {
    let mut variants = one.variants;
    for new in other.variants {
        match variants.iter_mut().find(|known| known.tier == new.tier && known.above == new.above) {
            Some(known) => *known = max_variant(known, &new),
            None => variants.push(new),
        }
    }
    Price {
        input: one.input.max(other.input),
        cached_input: one.cached_input.max(other.cached_input),
        cache_write: one.cache_write.max(other.cache_write),
        cache_write_1h: one.cache_write_1h.max(other.cache_write_1h),
        output: one.output.max(other.output),
        revision: String::new(),
        assumed: true,
        variants,
    }
}

fn usual(price: &Price) -> PriceVariant {
    let Price { input, cached_input, cache_write, cache_write_1h, output, .. } = *price;
    PriceVariant { tier: String::new(), above: 0, input, cached_input, cache_write, cache_write_1h, output }
}

fn max_variant(one: &PriceVariant, other: &PriceVariant) -> PriceVariant {
    PriceVariant {
        tier: one.tier.clone(),
        above: one.above,
        input: one.input.max(other.input),
        cached_input: one.cached_input.max(other.cached_input),
        cache_write: one.cache_write.max(other.cache_write),
        cache_write_1h: one.cache_write_1h.max(other.cache_write_1h),
        output: one.output.max(other.output),
    }
}

/// The cost of writing to a provider's cache, nano-USD per million tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CacheWrites {
    pub(crate) usual: u64,
    pub(crate) for_an_hour: u64,
}

impl CacheWrites {
    /// Returns 1.25 times the price of input for five minutes, and twice that price for an hour.
    /// Source: <https://platform.claude.com/docs/en/about-claude/pricing>, read on 2026-11-25.
    pub(crate) const fn anthropic(input: u64) -> Self {
        Self { usual: input.saturating_mul(5).div_ceil(4), for_an_hour: input.saturating_mul(2) }
    }

    /// Returns the same price for both. A provider that does not charge for writes charges the price of input.
    pub(crate) const fn like(price: u64) -> Self {
        Self { usual: price, for_an_hour: price }
    }
}

/// Returns `gpt-4o` of `gpt-4o-2024-08-06`, and `claude-opus-4-5` of `claude-opus-4-5-20251101`.
fn undated(model: &str) -> Option<&str> {
    let cut = |length| model.split_at_checked(model.len().checked_sub(length)?);
    let tails = ["-2000-00-00".len(), "-20000000".len()].map(cut);
    tails.into_iter().flatten().find(|(_, tail)| is_date(tail)).map(|(stem, _)| stem)
}

fn is_date(tail: &str) -> bool {
    let shape: String = tail.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    tail.starts_with("-20") && (shape == "-0000-00-00" || shape == "-00000000")
}
