//! Compiles limits and budgets: two notations for one kind of rule.

use super::references::{Known, matches_any};
use crate::diagnostic::Report;
use crate::scalar;
use crate::typed_view::View;
use headgate_limits::{Condition, Dimension, Kind, Meter, Period, Rule, Unit};
use std::collections::{BTreeMap, BTreeSet};

/// Largest number of dimensions of `per`. A rule's part of shared memory has no room for more.
const MAX_PER: usize = 4;
const MAX_WARNINGS: usize = 8;
/// Largest number of rates of one kind. More would be a mistake.
const MAX_RATES: usize = 6;

/// Compiles limits, then budgets, in the order of the file.
pub(super) fn rules(root: View<'_>, known: &Known, now: u64, report: &mut Report) -> Vec<Rule> {
    let limits = root.items("limits").map(|view| limit(view, report)).collect::<Vec<_>>();
    let budgets = root.items("budgets").map(|view| budget(view, now, report)).collect::<Vec<_>>();
    once(root, report);
    let tags: BTreeSet<&str> =
        root.get("logging").into_iter().flat_map(|view| view.items("tags")).filter_map(View::text).collect();
    alone(root, report);
    for view in root.items("limits").chain(root.items("budgets")) {
        known_tags(view, &tags, report);
        unmatched(view, known, report);
    }
    limits.into_iter().chain(budgets).collect()
}

fn limit(view: View<'_>, report: &mut Report) -> Rule {
    let mut meters = Vec::new();
    let counted = [
        ("requests", Unit::Requests),
        ("tokens", Unit::Tokens),
        ("input_tokens", Unit::InputTokens),
        ("output_tokens", Unit::OutputTokens),
    ];
    for (key, unit) in counted {
        rates(view, key, unit, &mut meters, report);
    }
    let concurrency = view.read("concurrency", scalar::count);
    meters.extend(concurrency.map(|max| Meter { unit: Unit::Concurrency, period: None, max: u64::from(max) }));
    let max_cost = view.read("max_cost", scalar::nano_usd);
    if meters.is_empty() && max_cost.is_none() && !counts_something(view) {
        report.error(
            view.span,
            "this limit counts nothing",
            "add at least one of `requests`, `tokens`, `input_tokens`, `output_tokens`, `concurrency`, `max_cost`",
        );
    }
    Rule { meters, max_cost, ..common(view, Kind::Limit, report) }
}

/// Returns whether a count is written, even if it could not be read, which has been reported.
fn counts_something(view: View<'_>) -> bool {
    ["requests", "tokens", "input_tokens", "output_tokens", "concurrency", "max_cost"]
        .iter()
        .any(|key| view.get(key).is_some())
}

fn rates(view: View<'_>, key: &str, unit: Unit, meters: &mut Vec<Meter>, report: &mut Report) {
    let mut seen: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (index, written) in view.several(key).enumerate() {
        let Some((max, period)) = written.text().and_then(|text| scalar::rate(text).ok()) else { continue };
        if index >= MAX_RATES {
            report.error(written.span, "a limit has at most 6 rates of one kind", "remove rates from here on");
            return;
        }
        if let Some(line) = seen.insert(period.as_str(), written.span.line) {
            let help = format!("keep one of them; the other one is on line {line}");
            report.error(written.span, &format!("there are two rates per {}", period.as_str()), &help);
            continue;
        }
        meters.push(Meter { unit, period: Some(period), max });
    }
}

fn budget(view: View<'_>, now: u64, report: &mut Report) -> Rule {
    let period = view.read("period", scalar::budget_period).unwrap_or(Period::Total);
    let max = view.read("usd", scalar::nano_usd).unwrap_or_default();
    if let Some(usd) = view.get("usd").filter(|_| view.read("usd", scalar::nano_usd) == Some(0)) {
        report.warning(
            usd.span,
            "a budget of 0 has no money to spend",
            "write an amount above 0; to turn a key off, write `disabled: true`",
        );
    }
    let mut warn_at: Vec<u8> = view.items("warn_at").filter_map(|item| scalar::percent(item.text()?).ok()).collect();
    warn_at.sort_unstable();
    warn_at.dedup();
    if let Some(ninth) = view.items("warn_at").nth(MAX_WARNINGS) {
        report.error(ninth.span, "a budget has at most 8 thresholds", "remove some of them");
        warn_at.truncate(MAX_WARNINGS);
    }
    let webhook_env = view.variable("webhook");
    if let Some(webhook) = view.get("webhook").filter(|_| warn_at.is_empty()) {
        report.warning(
            webhook.span,
            "this webhook is never called: the budget has no `warn_at`",
            "add `warn_at: [75, 90, 100]`",
        );
    }
    if let Some(zone) =
        view.get("time_zone").filter(|_| view.read("period", scalar::budget_period) == Some(Period::Total))
    {
        report.warning(
            zone.span,
            "a budget with `period: total` has no use for a time zone",
            "remove `time_zone`, or choose a period",
        );
    }
    Rule {
        meters: vec![Meter { unit: Unit::NanoUsd, period: Some(period), max }],
        zone: view.read("time_zone", |name| scalar::time_zone(name, now)).unwrap_or_default(),
        warn_only: view.text_at("action") == Some("warn"),
        warn_at,
        webhook_env,
        ..common(view, Kind::Budget, report)
    }
}

fn common(view: View<'_>, kind: Kind, report: &mut Report) -> Rule {
    let per: Vec<Dimension> = view.several("per").filter_map(|one| scalar::dimension(one.text()?).ok()).collect();
    if let Some(fifth) = view.several("per").nth(MAX_PER) {
        report.error(fifth.span, "`per` takes at most 4 dimensions", "remove some");
    }
    Rule {
        id: view.string("id").unwrap_or_default(),
        kind,
        conditions: view.get("match").map(conditions).unwrap_or_default(),
        per,
        meters: Vec::new(),
        max_cost: None,
        zone: headgate_limits::Zone::default(),
        monitor: view.read("monitor", scalar::flag).unwrap_or_default(),
        warn_only: false,
        warn_at: Vec::new(),
        when_unreachable: view.read("when_unreachable", scalar::when_unreachable).unwrap_or_default(),
        webhook_env: None,
    }
}

fn conditions(view: View<'_>) -> Vec<Condition> {
    let names = [
        ("key", Dimension::Key),
        ("owner", Dimension::Owner),
        ("team", Dimension::Team),
        ("project", Dimension::Project),
        ("application", Dimension::Application),
        ("model", Dimension::Model),
        ("provider", Dimension::Provider),
        ("organization", Dimension::Organization),
        ("environment", Dimension::Environment),
    ];
    let texts = |view: View<'_>, key: &str| view.several(key).filter_map(View::text).map(str::to_owned).collect();
    let plain = names.into_iter().filter(|(key, _)| view.get(key).is_some());
    let plain = plain.map(|(key, dimension)| Condition { dimension, any: texts(view, key) });
    let tags = view.named("tag").map(|named| {
        let one = named.value.text().map(str::to_owned).into_iter();
        let any = one.chain(view.get("tag").map(|tags| tags.strings(named.name)).unwrap_or_default()).collect();
        Condition { dimension: Dimension::Tag(named.name.to_owned()), any }
    });
    plain.chain(tags).collect()
}

/// Warns of counts without a collector: they are lost when the proxy's process ends.
fn alone(root: View<'_>, report: &mut Report) {
    let first = ["budgets", "limits"].into_iter().find(|key| root.items(key).next().is_some());
    let section = first.and_then(|key| root.get(key)).filter(|_| root.get("collector").is_none());
    if let Some(section) = section.filter(|_| !report.is_unreadable("collector")) {
        report.warning(
            section.span,
            "without a collector each proxy counts alone, and its counts are lost when it stops",
            "add `collector: {url: …}`",
        );
    }
}

/// Reports ids that are used twice: records and reports name a rule by its id.
fn once(root: View<'_>, report: &mut Report) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let ids = root.items("limits").chain(root.items("budgets")).filter_map(|view| view.get("id"));
    for view in ids {
        let Some(id) = view.text() else { continue };
        if let Some(line) = seen.insert(id, view.span.line) {
            let help = format!("rename one of the two; the other one is on line {line}");
            report.error(view.span, "another limit or budget has this id", &help);
        }
    }
}

/// Reports tags that are not recorded, so that no request could be counted by them.
fn known_tags(rule: View<'_>, tags: &BTreeSet<&str>, report: &mut Report) {
    let per = rule.several("per").filter_map(|view| Some((view.span, view.text()?.strip_prefix("tag:")?)));
    let matched =
        rule.get("match").into_iter().flat_map(|view| view.named("tag")).map(|named| (named.span, named.name));
    for (span, tag) in per.chain(matched).filter(|(_, tag)| !tags.contains(tag)) {
        report.error(
            span,
            "this tag is not recorded, so it cannot be used here",
            &format!("add `{tag}` to `logging.tags`"),
        );
    }
}

/// Warns of names that nothing has. They are most likely misspelt, and the rule would never apply.
fn unmatched(rule: View<'_>, known: &Known, report: &mut Report) {
    let Some(conditions) = rule.get("match") else { return };
    let sections =
        [("team", &known.teams), ("model", &known.models), ("provider", &known.providers), ("key", &known.keys)];
    for (key, names) in sections {
        conditions.several(key).for_each(|view| matches_any(view, names, report));
    }
}
