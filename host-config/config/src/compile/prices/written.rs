//! Reads a price as an operator writes it. Missing rates follow from those that are there.

use crate::prices::{CacheWrites, priced};
use crate::scalar;
use crate::typed_view::View;
use headgate_policy::document::{Format, Price, PriceVariant};

/// Reads a price of gateway.yaml or of a price list.
pub(super) fn written(view: View<'_>, format: Format, revision: &str) -> Price {
    let mut variants: Vec<PriceVariant> = long(view, "", format).into_iter().collect();
    for named in view.named("tiers") {
        variants.push(rates(named.value, named.name, 0, format));
        variants.extend(long(named.value, named.name, format));
    }
    priced(rates(view, "", 0, format), variants, revision)
}

fn long(view: View<'_>, tier: &str, format: Format) -> Option<PriceVariant> {
    let long = view.get("long_prompts")?;
    let above = long.read("above", scalar::count).unwrap_or_default();
    Some(rates(long, tier, u64::from(above), format))
}

fn rates(view: View<'_>, tier: &str, above: u64, format: Format) -> PriceVariant {
    let amount = |key| view.read(key, scalar::nano_usd);
    let input = amount("input").unwrap_or_default();
    let rule = match format {
        Format::Anthropic => CacheWrites::anthropic(input),
        Format::Openai => CacheWrites::like(amount("cache_write").unwrap_or(input)),
    };
    PriceVariant {
        tier: tier.to_owned(),
        above,
        input,
        cached_input: amount("cached_input").unwrap_or(input),
        cache_write: amount("cache_write").unwrap_or(rule.usual),
        cache_write_1h: amount("cache_write_1h").unwrap_or(rule.for_an_hour),
        output: amount("output").unwrap_or_default(),
    }
}
