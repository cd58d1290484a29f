//! Compiles aliases, their targets and failover.

use super::prices::Prices;
use crate::diagnostic::Report;
use crate::scalar::{self, MAX_ATTEMPTS};
use crate::typed_view::{Named, View};
use headgate_policy::document::{Condition, Failover, HeaderMatch, Model, Provider, Target};
use std::collections::BTreeMap;

/// Default time until the first byte of an answer, ms. Reasoning models think for minutes.
const DEFAULT_FIRST_BYTE_TIMEOUT_MS: u64 = 300_000;

/// Default cooldown of a failed target, ms.
const DEFAULT_COOLDOWN_MS: u64 = 30_000;

/// Providers by name, with their positions in the document.
type Providers<'a> = BTreeMap<&'a str, (u32, &'a Provider)>;

/// Compiles aliases in the order of the file.
pub(super) fn models(root: View<'_>, providers: &[Provider], prices: &Prices, report: &mut Report) -> Vec<Model> {
    if let Some(section) = root.get("models")
        && section.is_empty()
    {
        report.error(
            section.span,
            "there are no models",
            "add one: `chat: {targets: [{provider: openai, model: gpt-5}]}`",
        );
    }
    let providers: Providers<'_> = (0..).zip(providers).map(|(index, one)| (one.name.as_str(), (index, one))).collect();
    root.named("models").map(|named| model(named, &providers, prices, report)).collect()
}

fn model(named: Named<'_>, providers: &Providers<'_>, prices: &Prices, report: &mut Report) -> Model {
    let targets: Vec<Target> =
        named.value.items("targets").map(|view| target(view, named.name, providers, prices, report)).collect();
    weights(named, &targets, report);
    let failover = failover(named.value.get("failover"), targets.len());
    Model { name: named.name.to_owned(), targets, failover }
}

fn weights(named: Named<'_>, targets: &[Target], report: &mut Report) {
    let Some(list) = named.value.get("targets") else {
        return;
    };
    if list.is_empty() {
        report.error(list.span, "this model has no targets", "add one: `- {provider: …, model: …}`");
    } else if !targets.is_empty() && targets.iter().all(|target| target.weight == 0) {
        report.error(
            list.span,
            "every target of this model has weight 0",
            "give at least one of them a weight of 1 or more",
        );
    }
}

fn target(view: View<'_>, alias: &str, providers: &Providers<'_>, prices: &Prices, report: &mut Report) -> Target {
    let provider = view.text_at("provider").and_then(|name| providers.get(name).copied());
    let model = view.string("model").unwrap_or_else(|| alias.to_owned());
    let at = view.get("model").unwrap_or(view).span;
    let price = provider.map(|(_, provider)| prices.of(provider, &model, at, report));
    let context_window = view
        .read("context_window", scalar::count)
        .map(u64::from)
        .or_else(|| provider.and_then(|(_, provider)| prices.context_window(provider, &model)));
    Target {
        provider: provider.map(|(index, _)| index).unwrap_or_default(),
        model,
        weight: view.read("weight", scalar::count).unwrap_or(1),
        tier: view.read("tier", scalar::count).unwrap_or(1),
        when: view.get("when").map(|when| condition(when, report)).unwrap_or_default(),
        price: price.unwrap_or_default(),
        context_window,
    }
}

fn condition(when: View<'_>, report: &mut Report) -> Condition {
    let header =
        |named: Named<'_>| Some(HeaderMatch { name: named.name.to_owned(), value: named.value.text()?.to_owned() });
    let bound = |key| when.get("prompt_bytes").and_then(|range| range.read(key, scalar::bytes));
    let (prompt_bytes_min, prompt_bytes_max) = (bound("min"), bound("max"));
    if let (Some(range), Some(min), Some(max)) = (when.get("prompt_bytes"), prompt_bytes_min, prompt_bytes_max)
        && min > max
    {
        report.error(range.span, "`min` is larger than `max`", "swap the two");
    }
    Condition {
        headers: when.named("header").filter_map(header).collect(),
        teams: when.strings("team"),
        keys: when.strings("key"),
        stream: when.read("stream", scalar::flag),
        prompt_bytes_min,
        prompt_bytes_max,
    }
}

fn failover(section: Option<View<'_>>, targets: usize) -> Failover {
    let targets = u32::try_from(targets).unwrap_or(u32::MAX).max(1);
    let attempts =
        section.and_then(|view| view.read("attempts", scalar::attempts)).unwrap_or_else(|| targets.min(MAX_ATTEMPTS));
    let on = section.filter(|view| view.get("on").is_some()).map(|view| view.strings("on"));
    let on = on.unwrap_or_else(|| scalar::TRIGGERS.map(str::to_owned).to_vec());
    let has = |word: &str| on.iter().any(|trigger| trigger == word);
    Failover {
        on_connect: has("connect"),
        on_timeout: has("timeout"),
        on_reset: has("reset"),
        on_5xx: has("5xx"),
        on_status: statuses(&on),
        attempts,
        first_byte_timeout_ms: time(section, "first_byte_timeout", DEFAULT_FIRST_BYTE_TIMEOUT_MS),
        cooldown_ms: time(section, "cooldown", DEFAULT_COOLDOWN_MS),
    }
}

fn time(section: Option<View<'_>>, key: &str, default: u64) -> u64 {
    section.and_then(|view| view.read(key, scalar::milliseconds)).unwrap_or(default)
}

fn statuses(on: &[String]) -> Vec<u16> {
    let mut statuses: Vec<u16> = on.iter().filter_map(|word| word.parse().ok()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}
