//! Names that refer to something: whether it is there, and whether it is there once.

use crate::diagnostic::Report;
use crate::nearest::nearest;
use crate::view::View;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(root: View<'_>, report: &mut Report) {
    targets(root, report);
    keys(root, report);
    once(root, "id", "this id is there twice", report);
    once(root, "sha256", "two entries are for the same key", report);
}

pub(super) fn names<'a>(root: View<'a>, section: &str) -> BTreeSet<&'a str> {
    root.named(section).map(|named| named.name).collect()
}

fn targets(root: View<'_>, report: &mut Report) {
    let (providers, teams) = (names(root, "providers"), names(root, "teams"));
    let ids: BTreeSet<&str> = root.items("keys").filter_map(|key| key.text_at("id")).collect();
    for target in root.named("models").flat_map(|model| model.value.items("targets")) {
        known(target.get("provider"), "providers", &providers, report);
        let Some(when) = target.get("when") else {
            continue;
        };
        when.items("team").for_each(|team| known(Some(team), "teams", &teams, report));
        when.items("key").for_each(|glob| matches_any(glob, "keys", &ids, report));
    }
}

fn keys(root: View<'_>, report: &mut Report) {
    let (teams, aliases) = (names(root, "teams"), names(root, "models"));
    for key in root.items("keys") {
        known(key.get("team"), "teams", &teams, report);
        key.items("models").for_each(|glob| matches_any(glob, "models", &aliases, report));
        if let Some(list) = key.get("models").filter(|_| key.items("models").next().is_none()) {
            report.warning(
                list.span,
                "this key may ask for no model at all",
                "list aliases, or remove `models` for all",
            );
        }
    }
}

pub(super) fn known(written: Option<View<'_>>, section: &str, names: &BTreeSet<&str>, report: &mut Report) {
    let Some((view, name)) = written.and_then(|view| Some((view, view.text()?))) else {
        return;
    };
    if names.contains(name) || report.is_unreadable(section) {
        return;
    }
    report.error(view.span, &format!("nothing by this name stands under `{section}`"), &instead(name, section, names));
}

fn instead(name: &str, section: &str, names: &BTreeSet<&str>) -> String {
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => format!("add it under `{section}`"),
        None => format!("add it under `{section}`, or write one of: {}", first_of(names)),
    }
}

fn first_of(names: &BTreeSet<&str>) -> String {
    let more = if names.len() > 8 { ", …" } else { "" };
    format!("{}{more}", names.iter().take(8).copied().collect::<Vec<_>>().join(", "))
}

pub(super) fn matches_any(view: View<'_>, section: &str, names: &BTreeSet<&str>, report: &mut Report) {
    let Some(glob) = view.text() else { return };
    if report.is_unreadable(section) || names.iter().any(|name| matches(glob, name)) {
        return;
    }
    report.warning(view.span, &format!("this matches nothing under `{section}`"), &instead(glob, section, names));
}

/// `*` stands for any run of characters. Greedy with one step back, so that it is linear for each star.
fn matches(glob: &str, name: &str) -> bool {
    let (Some((first, rest)), true) = (glob.split_once('*'), true) else {
        return glob == name;
    };
    let Some(mut left) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part).and_then(|at| left.get(at.saturating_add(part.len())..)) {
            Some(after) => left = after,
            None => return false,
        }
    }
    left.ends_with(last)
}

fn once(root: View<'_>, field: &str, message: &str, report: &mut Report) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for view in root.items("keys").filter_map(|key| key.get(field)) {
        let Some(text) = view.text() else { continue };
        if let Some(line) = seen.insert(text.to_ascii_lowercase(), view.span.line) {
            report.error(
                view.span,
                message,
                &format!("remove or change one of the two; the other one is on line {line}"),
            );
        }
    }
}
