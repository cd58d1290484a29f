//! The price of a target: from `prices`, else from the price list, else from the catalogue, else the highest known price.
//! No target is free.

mod written;

use super::references::{Known, instead};
use crate::diagnostic::{Report, Severity};
use crate::prices::{BuiltInPrices, family_of};
use crate::tree::Span;
use crate::typed_view::{Named, View};
use headgate_policy::document::{Format, GlobPrice, Model, Price, Provider};
use std::collections::{BTreeMap, BTreeSet};
use wildmatch::WildMatch;
use written::written;

/// Price revision of an override.
const OVERRIDE: &str = "gateway.yaml";

/// Price revision of a price list.
const LIST: &str = "price_list";

/// Largest number of globs in one section. Each is compared with every target.
const MAX_GLOBS: usize = 256;

/// All prices of one policy.
pub(super) struct Prices {
    overrides: Section,
    list: Section,
    catalogue: BuiltInPrices,
}

/// One section of prices.
#[derive(Default)]
struct Section {
    exact: BTreeMap<String, (Price, Span)>,
    /// In the order of the file. The first that matches is used.
    globs: Vec<(String, WildMatch, Price, Span)>,
}

impl Prices {
    pub(super) fn new(root: View<'_>, providers: &[Provider], known: &Known, report: &mut Report) -> Self {
        let formats: BTreeMap<_, _> = providers.iter().map(|one| (one.name.as_str(), one.format)).collect();
        for named in root.named("prices") {
            let provider = provider_of(named.name);
            if !provider.is_empty() && !formats.contains_key(provider) && !report.is_unreadable("providers") {
                let message = "there is no such provider";
                report.seek(Severity::Error, named.span, message, instead(provider, &known.providers));
            }
        }
        not_included(root, report);
        Self {
            overrides: Section::read(root, "prices", OVERRIDE, &formats, report),
            list: Section::read(root, "price_list", LIST, &formats, report),
            catalogue: BuiltInPrices::built_in(),
        }
    }

    /// Returns the price of a provider's model, and warns if it had to be assumed.
    pub(super) fn of(&self, provider: &Provider, model: &str, at: Span, report: &mut Report) -> Price {
        let name = format!("{}/{model}", provider.name);
        if let Some(price) = self.overrides.price(&name).or_else(|| self.list.price(&name)) {
            return price.clone();
        }
        let (price, like) = self.catalogue.price(family(provider), model);
        if let Some(like) = like {
            let help = format!(
                "it is charged like {like}, the most expensive known model; add `prices: {{\"{}/…\": {{input: …, output: …}}}}`",
                provider.name
            );
            report.warning(at, "no price is known for this model", &help);
        }
        price
    }

    /// Returns the most tokens of one prompt that a provider's model takes, if the catalogue knows the model.
    pub(super) fn context_window(&self, provider: &Provider, model: &str) -> Option<u64> {
        self.catalogue.context_window(family(provider), model)
    }

    /// Returns the prices of all known models of a provider, for providers whose answers use more than one.
    pub(super) fn of_family(&self, provider: &Provider) -> BTreeMap<String, Price> {
        let prefix = format!("{}/", provider.name);
        let written = self.list.exact.iter().chain(&self.overrides.exact);
        let own =
            written.filter_map(|(name, (price, _))| Some((name.strip_prefix(&prefix)?.to_owned(), price.clone())));
        let mut prices: BTreeMap<String, Price> = self.catalogue.of_family(family(provider)).collect();
        prices.extend(own);
        prices
    }

    /// Returns the prices of all models that clients may ask a provider for where the proxy routes: of known models, and of others
    /// by globs, of which the last one is for all.
    pub(super) fn of_any_model(&self, provider: &Provider) -> (BTreeMap<String, Price>, Vec<GlobPrice>) {
        let (prefix, family) = (format!("{}/", provider.name), family(provider));
        let sections = [&self.overrides, &self.list];
        let written =
            sections.into_iter().flat_map(|section| section.exact.keys()).filter_map(|name| name.strip_prefix(&prefix));
        let names: BTreeSet<&str> = self.catalogue.names().chain(written).collect();
        let price = |model: &str| {
            let name = format!("{prefix}{model}");
            let own = sections.into_iter().find_map(|section| section.price(&name));
            own.cloned().unwrap_or_else(|| self.catalogue.price(family, model).0)
        };
        let prices = names.into_iter().map(|model| (model.to_owned(), price(model))).collect();
        let globs = sections.into_iter().flat_map(|section| &section.globs);
        let globs = globs
            .filter(|(start, ..)| start.starts_with(&prefix))
            .map(|(_, glob, price, _)| GlobPrice { glob: glob.to_string(), price: price.clone() });
        let others = GlobPrice { glob: "*".to_owned(), price: self.catalogue.price(family, "").0 };
        (prices, globs.chain([others]).collect())
    }

    /// Warns of prices without a target, except in a price list, which may serve more than one policy.
    pub(super) fn unused(&self, models: &[Model], providers: &[Provider], report: &mut Report) {
        let targets = models.iter().flat_map(|model| &model.targets);
        let used: BTreeSet<String> = targets
            .filter_map(|target| {
                let provider = providers.get(usize::try_from(target.provider).ok()?)?;
                Some(format!("{}/{}", provider.name, target.model))
            })
            .collect();
        let exact = self.overrides.exact.iter().filter(|(name, _)| !used.contains(*name)).map(|(_, (_, span))| *span);
        let globs = self.overrides.globs.iter();
        let globs = globs.filter(|(start, glob, ..)| !used.iter().any(|name| matches(start, glob, name)));
        if providers.iter().any(|provider| !provider.clusters.is_empty()) {
            // Clients may ask for any model.
            return;
        }
        for span in exact.chain(globs.map(|(_, _, _, span)| *span)) {
            report.warning(
                span,
                "no target has this provider and model",
                "check the model's name, or remove the price",
            );
        }
    }
}

impl Section {
    fn read(root: View<'_>, name: &str, revision: &str, formats: &BTreeMap<&str, Format>, report: &mut Report) -> Self {
        let mut section = Self::default();
        for Named { name, span, value } in root.named(name) {
            let format = formats.get(provider_of(name)).copied().unwrap_or_default();
            let price = written(value, format, revision);
            match name.split_once('*') {
                None => {
                    section.exact.insert(name.to_owned(), (price, span));
                }
                Some((start, _)) => section.globs.push((start.to_owned(), WildMatch::new(name), price, span)),
            }
        }
        if let Some((_, _, _, span)) = section.globs.get(MAX_GLOBS) {
            report.error(*span, "there are more than 256 globs for prices", "use fewer globs, or name models");
        }
        section.globs.truncate(MAX_GLOBS);
        section
    }

    /// Returns the price under this name, else under the first glob that matches it.
    fn price(&self, name: &str) -> Option<&Price> {
        let exact = self.exact.get(name).map(|(price, _)| price);
        exact.or_else(|| {
            self.globs.iter().find(|(start, glob, ..)| matches(start, glob, name)).map(|(_, _, price, _)| price)
        })
    }
}

fn matches(start: &str, glob: &WildMatch, name: &str) -> bool {
    name.starts_with(start) && glob.matches(name)
}

fn provider_of(name: &str) -> &str {
    name.split_once('/').map_or("", |(provider, _)| provider)
}

/// Reports a price file whose prices were not sent with the policy: without them other prices would be used.
fn not_included(root: View<'_>, report: &mut Report) {
    if let Some(file) = root.get("price_file").filter(|file| file.text().is_some() && root.get("price_list").is_none())
        && !report.is_unreadable("price_list")
    {
        report.error(
            file.span,
            "the prices in this file were not sent with the policy",
            "use the `headgate` command, which includes them; or put its `price_list` here instead of `price_file`",
        );
    }
}

/// Returns the family of a provider, by its address, else by its format: Anthropic's models cost about the same on every
/// platform.
fn family(provider: &Provider) -> Option<&'static str> {
    family_of(&provider.authority).or(match provider.format {
        Format::Anthropic => Some("anthropic"),
        Format::Openai => None,
    })
}
