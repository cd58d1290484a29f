//! Imports LiteLLM's `model_prices_and_context_window.json` as a price list.
//!
//! Its prices are US dollars per token, written as floats. They are read from the text of the number, digit by digit,
//! because a float would change the price. Models whose prices cannot be read are counted and skipped; they then have the
//! price of the catalogue, or the highest one, never none.

mod decimal;

use decimal::{Factor, PerToken};
use headgate_config::scalar::Scalar;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Largest file that is read, bytes.
pub(crate) const MAX_BYTES: u64 = 64 << 20;

/// Hosts of providers, with LiteLLM's name for each.
const HOSTS: [(&str, &str); 20] = [
    ("api.openai.com", "openai"),
    ("eu.api.openai.com", "openai"),
    ("us.api.openai.com", "openai"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gemini"),
    ("api.mistral.ai", "mistral"),
    ("codestral.mistral.ai", "mistral"),
    ("api.x.ai", "xai"),
    ("api.deepseek.com", "deepseek"),
    ("api.groq.com", "groq"),
    ("api.together.xyz", "together_ai"),
    ("api.together.ai", "together_ai"),
    ("api.fireworks.ai", "fireworks_ai"),
    ("openrouter.ai", "openrouter"),
    ("api.perplexity.ai", "perplexity"),
    ("api.cerebras.ai", "cerebras"),
    ("api.cohere.ai", "cohere_chat"),
    ("api.cohere.com", "cohere_chat"),
    ("api.deepinfra.com", "deepinfra"),
    ("dashscope.aliyuncs.com", "dashscope"),
];

/// Modes of the models that the gateway serves.
const MODES: [&str; 4] = ["chat", "completion", "embedding", "responses"];

/// Service tiers with prices in the file, which are also the suffixes of their fields.
const TIERS: [&str; 3] = ["flex", "priority", "ultrafast"];

/// Returns LiteLLM's name for the provider at a host.
#[must_use]
pub(crate) fn provider_at(host: &str) -> Option<&'static str> {
    let azure = host.ends_with(".openai.azure.com").then_some("azure");
    HOSTS.iter().find(|(known, _)| *known == host).map(|(_, name)| *name).or(azure)
}

/// The result of an import.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    /// A file for `price_file`.
    pub(crate) yaml: String,
    /// Prices in it.
    pub(crate) prices: usize,
    /// Models of these providers without a readable price per token.
    pub(crate) left_out: usize,
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Makes a price list of the models of some providers: pairs of the name in gateway.yaml and LiteLLM's name.
///
/// # Errors
/// Returns the reason if the text is not such a file.
pub(crate) fn import(text: &str, providers: &[(String, String)]) -> Result<Imported, String> {
    let models: BTreeMap<String, &RawValue> = serde_json::from_str(text)
        .map_err(|error| format!("this is not a JSON object (line {}, column {})", error.line(), error.column()))?;
    let mut made = Imported { yaml: "price_list:\n".to_owned(), ..Imported::default() };
    for (provider, theirs) in providers {
        let mut lines: BTreeMap<&str, String> = BTreeMap::new();
        for (name, raw) in &models {
            let Ok(fields) = serde_json::from_str::<Fields<'_>>(raw.get()) else { continue };
            if word(&fields, "litellm_provider") != Some(theirs.as_str()) || !is_served(&fields) {
                continue;
            }
            let own = name.strip_prefix(theirs.as_str()).and_then(|rest| rest.strip_prefix('/'));
            // A model that is listed with and without the provider's prefix is one model.
            if own.is_none() && lines.contains_key(name.as_str()) {
                continue;
            }
            match price(&fields).filter(|_| Scalar::Name.check(own.unwrap_or(name)).is_ok()) {
                Some(price) => drop(lines.insert(own.unwrap_or(name), price)),
                None => made.left_out = made.left_out.saturating_add(1),
            }
        }
        made.prices = made.prices.saturating_add(lines.len());
        for (model, price) in lines {
            let _ = writeln!(made.yaml, "  \"{provider}/{model}\": {price}");
        }
    }
    if made.prices == 0 {
        made.yaml = "price_list: {}\n".to_owned();
    }
    Ok(made)
}

fn word<'a>(fields: &Fields<'a>, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok())
}

fn is_served(fields: &Fields<'_>) -> bool {
    word(fields, "mode").is_none_or(|mode| MODES.contains(&mode))
}

/// Returns the value of a price, in one line of YAML. A model that costs nothing per token is charged by other units.
fn price(fields: &Fields<'_>) -> Option<String> {
    let rates = Rates::read(fields, "", "")?;
    if rates.input.0 == 0 && rates.output.0 == 0 {
        return None;
    }
    let mut out = format!("{{{}", rates.text());
    let long = long(fields, "");
    if let Some((above, long)) = &long {
        let _ = write!(out, ", long_prompts: {{above: {above}, {}}}", long.text());
    }
    let mut tiers: Vec<String> = TIERS.iter().filter_map(|tier| tier_text(fields, tier)).collect();
    tiers.extend(fast(fields, &rates, long.as_ref()));
    if !tiers.is_empty() {
        let _ = write!(out, ", tiers: {{{}}}", tiers.join(", "));
    }
    out.push('}');
    Some(out)
}

fn tier_text(fields: &Fields<'_>, tier: &str) -> Option<String> {
    let suffix = format!("_{tier}");
    let rates = Rates::read(fields, "", &suffix)?;
    Some(tier_of(tier, &rates, long(fields, &suffix).as_ref()))
}

/// Returns the prices of Anthropic's fast mode, which is listed as a factor.
fn fast(fields: &Fields<'_>, rates: &Rates, long: Option<&(u64, Rates)>) -> Option<String> {
    let entry: Fields<'_> = serde_json::from_str(fields.get("provider_specific_entry")?.get()).ok()?;
    let factor = Factor::read(entry.get("fast")?.get())?;
    let long = match long {
        Some((above, long)) => Some((*above, long.times(factor)?)),
        None => None,
    };
    Some(tier_of("fast", &rates.times(factor)?, long.as_ref()))
}

fn tier_of(tier: &str, rates: &Rates, long: Option<&(u64, Rates)>) -> String {
    let long = long.map(|(above, long)| format!(", long_prompts: {{above: {above}, {}}}", long.text()));
    format!("{tier}: {{{}{}}}", rates.text(), long.unwrap_or_default())
}

/// Returns the prices of long prompts, above the lowest of the file's bounds. Of several bounds the highest prices count.
fn long(fields: &Fields<'_>, suffix: &str) -> Option<(u64, Rates)> {
    let bounds = fields.keys().filter_map(|name| {
        let thousands = name.strip_prefix("input_cost_per_token_above_")?.strip_suffix(suffix)?;
        let thousands: u32 = thousands.strip_suffix("k_tokens")?.parse().ok()?;
        let rates = Rates::read(fields, &format!("_above_{thousands}k_tokens"), suffix)?;
        Some((u64::from(thousands).saturating_mul(1_000), rates)).filter(|(above, _)| *above > 0)
    });
    bounds.reduce(|one, other| (one.0.min(other.0), one.1.or_dearer(other.1)))
}

/// Prices of one tier.
#[derive(Debug, Clone, Copy)]
struct Rates {
    input: PerToken,
    cached_input: Option<PerToken>,
    cache_write: Option<PerToken>,
    cache_write_1h: Option<PerToken>,
    output: PerToken,
}

impl Rates {
    fn read(fields: &Fields<'_>, bound: &str, suffix: &str) -> Option<Self> {
        let read = |name: &str| match fields.get(format!("{name}{bound}{suffix}").as_str()).map(|raw| raw.get()) {
            None | Some("null") => Ok(None),
            Some(text) => PerToken::read(text).map(Some).ok_or(()),
        };
        let input = read("input_cost_per_token").ok()??;
        let output = read("output_cost_per_token").ok()?;
        let embeds = || word(fields, "mode") == Some("embedding");
        Some(Self {
            input,
            cached_input: read("cache_read_input_token_cost").ok()?,
            // Cache writes cost at least as much as input. A price of 0 means a missing one.
            cache_write: read("cache_creation_input_token_cost").ok()?.filter(|price| price.0 > 0),
            cache_write_1h: read("cache_creation_input_token_cost_above_1hr").ok()?.filter(|price| price.0 > 0),
            output: output.or_else(|| embeds().then_some(PerToken(0)))?,
        })
    }

    fn text(&self) -> String {
        let optional = [
            ("cached_input", self.cached_input),
            ("cache_write", self.cache_write),
            ("cache_write_1h", self.cache_write_1h),
        ];
        let mut out = format!("input: {}", self.input);
        for (name, price) in optional {
            if let Some(price) = price {
                let _ = write!(out, ", {name}: {price}");
            }
        }
        let _ = write!(out, ", output: {}", self.output);
        out
    }

    fn times(&self, factor: Factor) -> Option<Self> {
        let optional = |price: Option<PerToken>| price.map_or(Some(None), |price| price.times(factor).map(Some));
        Some(Self {
            input: self.input.times(factor)?,
            cached_input: optional(self.cached_input)?,
            cache_write: optional(self.cache_write)?,
            cache_write_1h: optional(self.cache_write_1h)?,
            output: self.output.times(factor)?,
        })
    }

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
