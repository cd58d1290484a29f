//! Providers and prices of requests that the proxy routes.

use super::{LoadedProvider, Policy};
use crate::document::Price;
use std::sync::Arc;

impl Policy {
    /// Returns the provider to which a cluster of the proxy leads.
    pub(crate) fn provider_of_cluster(&self, cluster: &str) -> Option<usize> {
        self.clusters.get(cluster).copied()
    }

    /// Returns the price of a model that the proxy routes, and the name under which it is listed: `other` if it is not.
    pub(crate) fn listed_price<'a>(&'a self, provider: &'a LoadedProvider, model: &str) -> (Arc<Price>, &'a str) {
        let prices = &provider.model_prices;
        if let Some((name, price)) = prices.get_key_value(model).or_else(|| prices.get_key_value(undated(model))) {
            return (Arc::clone(price), name);
        }
        let name = [&*provider.name, "/", model].concat();
        let matching = provider.price_globs.iter().find(|(glob, ..)| glob.matches(&name));
        matching.map_or_else(
            || (Arc::new(Price { assumed: true, ..Price::default() }), OTHER_MODELS),
            |(_, listed, price)| (Arc::clone(price), if price.assumed { OTHER_MODELS } else { listed.as_str() }),
        )
    }
}

/// Name of all models without a price. Clients could make up any number of names.
const OTHER_MODELS: &str = "other";

/// Returns the name of a model without the date of its version, as in `gpt-4o-2024-08-06` or `claude-opus-4-5-20251101`.
pub(super) fn undated(model: &str) -> &str {
    let without = |tail: &[u8]| {
        let (stem, date) = model.split_at_checked(model.len().checked_sub(tail.len())?)?;
        let same =
            |(written, shape): (u8, &u8)| if *shape == b'0' { written.is_ascii_digit() } else { written == *shape };
        date.bytes().zip(tail).all(same).then_some(stem)
    };
    without(b"-0000-00-00").or_else(|| without(b"-00000000")).unwrap_or(model)
}
