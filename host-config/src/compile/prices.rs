//! What a target costs: the operator's word, else the catalogue's, else the dearest that is known. Never nothing.

use super::references::{Known, instead};
use crate::catalogue::{CacheWrites, Catalogue, family_of};
use crate::diagnostic::{Report, Severity};
use crate::scalar;
use crate::tree::Span;
use crate::view::View;
use headgate_policy::document::{Format, Model, Price, Provider};
use std::collections::{BTreeMap, BTreeSet};

/// Price revision of an override.
const OVERRIDE: &str = "gateway.yaml";

/// All prices of one policy.
pub(super) struct Prices {
    overrides: BTreeMap<String, (Price, Span)>,
    catalogue: Catalogue,
}

impl Prices {
    pub(super) fn new(root: View<'_>, providers: &[Provider], known: &Known, report: &mut Report) -> Self {
        let formats: BTreeMap<_, _> = providers.iter().map(|one| (one.name.as_str(), one.format)).collect();
        let mut overrides = BTreeMap::new();
        for named in root.named("prices") {
            let provider = named.name.split_once('/').map_or("", |(provider, _)| provider);
            let format = formats.get(provider).copied();
            if !provider.is_empty() && format.is_none() && !report.is_unreadable("providers") {
                let message = "this price is for a provider that is not there";
                report.seek(Severity::Error, named.span, message, instead(provider, &known.providers));
            }
            overrides.insert(named.name.to_owned(), (written(named.value, format.unwrap_or_default()), named.span));
        }
        Self { overrides, catalogue: Catalogue::built_in() }
    }

    /// The price of a provider's model; warns when it had to be assumed.
    pub(super) fn of(&self, provider: &Provider, model: &str, at: Span, report: &mut Report) -> Price {
        if let Some((price, _)) = self.overrides.get(&format!("{}/{model}", provider.name)) {
            return price.clone();
        }
        let (price, like) = self.catalogue.price(family(provider), model);
        if let Some(like) = like {
            let help = format!(
                "it is counted like {like}, the dearest known; add `prices: {{\"{}/…\": {{input: …, output: …}}}}`",
                provider.name
            );
            report.warning(at, "no price is known for this model", &help);
        }
        price
    }

    /// Prices of all models that a provider is known to have, for those that answer with more than one of them.
    pub(super) fn of_family(&self, provider: &Provider) -> BTreeMap<String, Price> {
        let prefix = format!("{}/", provider.name);
        let own =
            self.overrides.iter().filter_map(|(name, (price, _))| Some((name.strip_prefix(&prefix)?, price.clone())));
        let mut prices: BTreeMap<String, Price> = self.catalogue.of_family(family(provider)).collect();
        prices.extend(own.map(|(model, price)| (model.to_owned(), price)));
        prices
    }

    /// Warns of prices that no target has.
    pub(super) fn unused(&self, models: &[Model], providers: &[Provider], report: &mut Report) {
        let targets = models.iter().flat_map(|model| &model.targets);
        let used: BTreeSet<String> = targets
            .filter_map(|target| {
                let provider = providers.get(usize::try_from(target.provider).ok()?)?;
                Some(format!("{}/{}", provider.name, target.model))
            })
            .collect();
        for (_, (_, span)) in self.overrides.iter().filter(|(name, _)| !used.contains(*name)) {
            report.warning(
                *span,
                "no target has this provider and model",
                "check the model's name, or remove the price",
            );
        }
    }
}

/// By its address, else by what it speaks: Anthropic's models cost about the same wherever they are served.
fn family(provider: &Provider) -> Option<&'static str> {
    family_of(&provider.authority).or(match provider.format {
        Format::Anthropic => Some("anthropic"),
        Format::Openai => None,
    })
}

fn written(view: View<'_>, format: Format) -> Price {
    let input = view.read("input", scalar::nano_usd).unwrap_or_default();
    let usual = match format {
        Format::Anthropic => CacheWrites::anthropic(input),
        Format::Openai => CacheWrites::like(view.read("cache_write", scalar::nano_usd).unwrap_or(input)),
    };
    Price {
        input,
        cached_input: view.read("cached_input", scalar::nano_usd).unwrap_or(input),
        cache_write: view.read("cache_write", scalar::nano_usd).unwrap_or(usual.usual),
        cache_write_1h: view.read("cache_write_1h", scalar::nano_usd).unwrap_or(usual.for_an_hour),
        output: view.read("output", scalar::nano_usd).unwrap_or_default(),
        revision: OVERRIDE.to_owned(),
        assumed: false,
    }
}
