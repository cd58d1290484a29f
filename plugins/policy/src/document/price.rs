//! Prices of models.

use serde::{Deserialize, Serialize};

/// Nano-USD per million tokens; $1.25 per million is 1 250 000 000.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Input.
    pub input: u64,
    /// Input read from the provider's cache.
    pub cached_input: u64,
    /// Input written to the provider's cache.
    pub cache_write: u64,
    /// Input written to it to be kept for an hour.
    pub cache_write_1h: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// Which price list, such as `catalog-2026-11-01` or `gateway.yaml`.
    pub revision: String,
    /// No price was known for this model; the dearest known one of its provider was taken.
    #[serde(default)]
    pub assumed: bool,
    /// Prices in other service tiers, and of long prompts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<PriceVariant>,
}

/// The price of the models of a provider whose name matches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobPrice {
    /// Glob over `provider/model` (`*` only).
    pub glob: String,
    /// The price.
    pub price: Price,
}

/// Prices that take the place of a target's usual ones; nano-USD per million tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceVariant {
    /// For this service tier, or `fast` as a speed; empty for the standard one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tier: String,
    /// For prompts of more than this many tokens.
    pub above: u64,
    /// Input.
    pub input: u64,
    /// Input read from the provider's cache.
    pub cached_input: u64,
    /// Input written to the provider's cache.
    pub cache_write: u64,
    /// Input written to it to be kept for an hour.
    pub cache_write_1h: u64,
    /// Output, reasoning included.
    pub output: u64,
}
