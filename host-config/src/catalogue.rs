//! The price catalogue: `prices.json` beside this crate, compiled in.
//!
//! Every price has the page it was read on and the date. A model that is not in it is never free: it is counted like
//! the dearest model of its provider.

use crate::scalar::nano_usd;
use headgate_policy::document::{Price, PriceVariant};
use serde::Deserialize;
use std::collections::BTreeMap;

static PRICES: &str = include_str!("../prices.json");

/// Hosts whose prices are in the catalogue, and the family they belong to.
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

/// The catalogue as it stands in the file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Date of the last change.
    pub revision: String,
    /// What the prices are in.
    pub unit: String,
    /// Where facts that were not read on the pages themselves were taken from.
    pub by_way_of: String,
    /// Prices, US dollars per million tokens, ordered by family and model.
    pub prices: Vec<Listed>,
}

/// One model.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Whose price list.
    pub family: String,
    /// Model, as that provider names it.
    pub model: String,
    /// Prices in the standard tier.
    pub rates: ListedRates,
    /// Prices for long prompts.
    pub long: Option<ListedLong>,
    /// Prices in other service tiers.
    #[serde(default)]
    pub tiers: BTreeMap<String, ListedTier>,
    /// From this day on it is not served any more; `2026-11-01`.
    pub retires: Option<String>,
    /// Page it was read on.
    pub source: String,
    /// Date that page speaks of, or else the date it was read; `2026-11-01`.
    pub as_of: String,
    /// What one price cannot say.
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

/// The family whose price list holds for a host.
#[must_use]
pub fn family_of(authority: &str) -> Option<&'static str> {
    FAMILIES.iter().find(|(host, _)| *host == authority).map(|(_, family)| *family)
}

impl Catalogue {
    /// The one that is compiled in.
    #[must_use]
    pub fn built_in() -> Self {
        serde_json::from_str(PRICES).unwrap_or_default()
    }

    /// The price of a model, and, if it is not listed, the name of the dearest listed model.
    ///
    /// A dated snapshot that is not listed by itself costs what its model costs. Any other model that is not listed costs
    /// as much as the dearest of its family that is still served, of each kind of token.
    #[must_use]
    pub fn price(&self, family: Option<&str>, model: &str) -> (Price, Option<&str>) {
        // Google's OpenAI API takes its models under both names.
        let model = model.strip_prefix("models/").unwrap_or(model);
        if let Some(listed) = self.listed(family, model).or_else(|| self.listed(family, undated(model)?)) {
            return (self.as_price(listed), None);
        }
        let current: Vec<&Listed> = self.current(family).collect();
        let dearest = current.iter().max_by_key(|listed| nano_usd(&listed.rates.output).unwrap_or_default());
        let mut price = current.iter().map(|listed| self.as_price(listed)).fold(Price::default(), dearer);
        let usual = usual(&price);
        // The models with a price for long prompts are not the dearest ones.
        for long in price.variants.iter_mut().filter(|variant| variant.tier.is_empty()) {
            *long = max_variant(long, &usual);
        }
        match dearest {
            Some(listed) => (Price { assumed: true, revision: self.label(), ..price }, Some(&listed.model)),
            None => (Price::default(), None),
        }
    }

    /// Every model of a family with its price.
    pub(crate) fn of_family<'a>(&'a self, family: Option<&'a str>) -> impl Iterator<Item = (String, Price)> + 'a {
        let own = move |listed: &&Listed| Some(listed.family.as_str()) == family;
        self.prices.iter().filter(own).map(|listed| (listed.model.clone(), self.as_price(listed)))
    }

    /// The family's own entry before anybody else's of that name.
    fn listed(&self, family: Option<&str>, model: &str) -> Option<&Listed> {
        let named = || self.prices.iter().filter(|listed| listed.model == model);
        named().find(|listed| Some(listed.family.as_str()) == family).or_else(|| named().next())
    }

    /// Models of a family that are still served; of all families if there is none of this name.
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
            // Capacity that was bought beforehand, at the standard price of a token.
            variants.push(PriceVariant { tier: "priority".to_owned(), ..usual.clone() });
        }
        priced(usual, variants, &self.label())
    }
}

/// A price without its variants, as one.
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

/// Of each price the higher one, those of long prompts and other tiers among them, so that nothing is cheaper.
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

/// What it costs to write to a provider's cache, nano-USD per million tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CacheWrites {
    pub(crate) usual: u64,
    pub(crate) for_an_hour: u64,
}

impl CacheWrites {
    /// 1.25 times the price of input for five minutes, twice that price for an hour.
    /// Source: <https://platform.claude.com/docs/en/about-claude/pricing>, read on 2026-11-25.
    pub(crate) const fn anthropic(input: u64) -> Self {
        Self { usual: input.saturating_mul(5).div_ceil(4), for_an_hour: input.saturating_mul(2) }
    }

    /// The same, however long it is kept; where a provider asks nothing for it, that is the price of input.
    pub(crate) const fn like(price: u64) -> Self {
        Self { usual: price, for_an_hour: price }
    }
}

/// `gpt-4o` of `gpt-4o-2024-08-06`, `claude-opus-4-5` of `claude-opus-4-5-20251101`.
fn undated(model: &str) -> Option<&str> {
    let cut = |length| model.split_at_checked(model.len().checked_sub(length)?);
    let tails = ["-2000-00-00".len(), "-20000000".len()].map(cut);
    tails.into_iter().flatten().find(|(_, tail)| is_date(tail)).map(|(stem, _)| stem)
}

fn is_date(tail: &str) -> bool {
    let shape: String = tail.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    tail.starts_with("-20") && (shape == "-0000-00-00" || shape == "-00000000")
}
