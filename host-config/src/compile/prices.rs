//! What a target costs: the operator's word, else the price list's, else the catalogue's, else the dearest that is known.
//! Never nothing.

mod written;

use super::references::{Known, instead};
use crate::catalogue::{Catalogue, family_of};
use crate::diagnostic::{Report, Severity};
use crate::tree::Span;
use crate::view::{Named, View};
use headgate_policy::document::{Format, Model, Price, Provider};
use std::collections::{BTreeMap, BTreeSet};
use wildmatch::WildMatch;
use written::written;

/// Price revision of an override.
const OVERRIDE: &str = "gateway.yaml";

/// Price revision of a price list.
const LIST: &str = "price_list";

/// Globs in one section: each is held against every target.
const MAX_GLOBS: usize = 256;

/// All prices of one policy.
pub(super) struct Prices {
    overrides: Section,
    list: Section,
    catalogue: Catalogue,
}

/// One section of prices.
#[derive(Default)]
struct Section {
    exact: BTreeMap<String, (Price, Span)>,
    /// In the order of the file, of which the first that matches counts.
    globs: Vec<(String, WildMatch, Price, Span)>,
}

impl Prices {
    pub(super) fn new(root: View<'_>, providers: &[Provider], known: &Known, report: &mut Report) -> Self {
        let formats: BTreeMap<_, _> = providers.iter().map(|one| (one.name.as_str(), one.format)).collect();
        for named in root.named("prices") {
            let provider = provider_of(named.name);
            if !provider.is_empty() && !formats.contains_key(provider) && !report.is_unreadable("providers") {
                let message = "this price is for a provider that is not there";
                report.seek(Severity::Error, named.span, message, instead(provider, &known.providers));
            }
        }
        not_included(root, report);
        Self {
            overrides: Section::read(root, "prices", OVERRIDE, &formats, report),
            list: Section::read(root, "price_list", LIST, &formats, report),
            catalogue: Catalogue::built_in(),
        }
    }

    /// The price of a provider's model; warns when it had to be assumed.
    pub(super) fn of(&self, provider: &Provider, model: &str, at: Span, report: &mut Report) -> Price {
        let name = format!("{}/{model}", provider.name);
        if let Some(price) = self.overrides.price(&name).or_else(|| self.list.price(&name)) {
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
        let written = self.list.exact.iter().chain(&self.overrides.exact);
        let own =
            written.filter_map(|(name, (price, _))| Some((name.strip_prefix(&prefix)?.to_owned(), price.clone())));
        let mut prices: BTreeMap<String, Price> = self.catalogue.of_family(family(provider)).collect();
        prices.extend(own);
        prices
    }

    /// Warns of prices that no target has. A price list is made for more than one policy and may have many of them.
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
            report.error(*span, "more than 256 globs for prices", "name models, or join globs from here on");
        }
        section.globs.truncate(MAX_GLOBS);
        section
    }

    /// The price under this name, else under the first glob that matches it.
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

/// Reports a price file whose prices did not come with this text: to go on without them would count another price.
fn not_included(root: View<'_>, report: &mut Report) {
    if let Some(file) = root.get("price_file").filter(|_| root.get("price_list").is_none())
        && !report.is_unreadable("price_list")
    {
        report.error(
            file.span,
            "the prices of this file did not come with the policy",
            "use the `headgate` command, which reads the file; or write its `price_list` here instead of `price_file`",
        );
    }
}

/// By its address, else by what it speaks: Anthropic's models cost about the same wherever they are served.
fn family(provider: &Provider) -> Option<&'static str> {
    family_of(&provider.authority).or(match provider.format {
        Format::Anthropic => Some("anthropic"),
        Format::Openai => None,
    })
}
