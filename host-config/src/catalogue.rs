//! The price catalogue: `prices.json` beside this crate, compiled in.
//!
//! Every price has the page it was read on and the date. A model that is not in it is never free: it is counted like
//! the dearest model of its provider.

use crate::scalar::nano_usd;
use headgate_policy::document::Price;
use serde::Deserialize;

static PRICES: &str = include_str!("../prices.json");

/// Hosts whose prices are in the catalogue, and the family they belong to.
const FAMILIES: [(&str, &str); 4] = [
    ("api.openai.com", "openai"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "google"),
    ("api.mistral.ai", "mistral"),
];

/// The catalogue as it stands in the file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Date of the last change.
    pub revision: String,
    /// What the prices are in.
    pub unit: String,
    /// Prices, US dollars per million tokens.
    pub prices: Vec<Listed>,
}

/// One price.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Whose price list.
    pub family: String,
    /// Model, as that provider names it.
    pub model: String,
    /// Input.
    pub input: String,
    /// Input read from the provider's cache; without it the price of input.
    pub cached_input: Option<String>,
    /// Output.
    pub output: String,
    /// Page it was read on.
    pub source: String,
    /// Date that page speaks of, or else the date it was read; `2026-11-01`.
    pub as_of: String,
    /// What one price cannot say.
    pub note: Option<String>,
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

    /// The price of a model, and, if it is not listed, the name of the listed model whose price was taken.
    ///
    /// A dated snapshot that is not listed by itself costs what its model costs.
    #[must_use]
    pub fn price(&self, family: Option<&str>, model: &str) -> (Price, Option<&str>) {
        if let Some(listed) = self.listed(family, model).or_else(|| self.listed(family, undated(model)?)) {
            return (self.as_price(listed), None);
        }
        match self.dearest(family) {
            Some(listed) => (Price { assumed: true, ..self.as_price(listed) }, Some(&listed.model)),
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

    fn dearest(&self, family: Option<&str>) -> Option<&Listed> {
        let of_family = |listed: &&Listed| Some(listed.family.as_str()) == family;
        let all = || self.prices.iter();
        let any = all().any(|listed| of_family(&listed));
        all()
            .filter(|listed| !any || of_family(listed))
            .max_by_key(|listed| nano_usd(&listed.output).unwrap_or_default())
    }

    fn as_price(&self, listed: &Listed) -> Price {
        let amount = |text: &str| nano_usd(text).unwrap_or_default();
        let input = amount(&listed.input);
        let writes = match listed.family.as_str() {
            "anthropic" => CacheWrites::anthropic(input),
            _ => CacheWrites::like(input),
        };
        Price {
            input,
            cached_input: amount(listed.cached_input.as_deref().unwrap_or(&listed.input)),
            cache_write: writes.usual,
            cache_write_1h: writes.for_an_hour,
            output: amount(&listed.output),
            revision: format!("catalog-{}", self.revision),
            assumed: false,
        }
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
