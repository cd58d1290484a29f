//! Checks names that refer to other parts of the file, and names that must be unique.

use crate::diagnostic::{Report, Severity};
use crate::names::Names;
use crate::typed_view::View;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The names that can be referred to.
pub(super) struct Known {
    pub(super) providers: Rc<Names>,
    pub(super) models: Rc<Names>,
    pub(super) teams: Rc<Names>,
    pub(super) keys: Rc<Names>,
}

impl Known {
    /// `proxied` says that the proxy routes some requests, whose clients name any model.
    pub(super) fn of(root: View<'_>, proxied: bool) -> Self {
        let rules = root.get("identity");
        let rules = rules.iter().flat_map(|identity| identity.items("rules")).filter_map(|rule| rule.text_at("id"));
        Self {
            providers: Rc::new(Names::of_map(root, "providers")),
            models: Rc::new(Names::of_map(root, "models").or_any(proxied)),
            teams: Rc::new(Names::of_map(root, "teams")),
            keys: Rc::new(Names::of_list(root, "keys").and(rules)),
        }
    }
}

pub(super) fn check(root: View<'_>, known: &Known, report: &mut Report) {
    targets(root, known, report);
    keys(root, known, report);
    once(root, "id", "this id is repeated", report);
    once(root, "sha256", "this key has two entries", report);
}

fn targets(root: View<'_>, known: &Known, report: &mut Report) {
    for target in root.named("models").flat_map(|model| model.value.items("targets")) {
        is_known(target.get("provider"), &known.providers, report);
        let Some(when) = target.get("when") else {
            continue;
        };
        when.items("team").for_each(|team| is_known(Some(team), &known.teams, report));
        when.items("key").for_each(|glob| matches_any(glob, &known.keys, report));
    }
}

fn keys(root: View<'_>, known: &Known, report: &mut Report) {
    for key in root.items("keys") {
        is_known(key.get("team"), &known.teams, report);
        key.items("models").for_each(|glob| matches_any(glob, &known.models, report));
        if let Some(list) = key.get("models").filter(|models| models.is_empty()) {
            report.warning(list.span, "this key may not use any model", "list models, or remove `models` to allow all");
        }
    }
}

/// Reports a name that is not defined.
pub(super) fn is_known(written: Option<View<'_>>, names: &Rc<Names>, report: &mut Report) {
    let Some((view, name)) = written.and_then(|view| Some((view, view.text()?))) else {
        return;
    };
    if names.contains(name) || report.is_unreadable(names.section()) {
        return;
    }
    let message = format!("there is no such name under `{}`", names.section());
    report.seek(Severity::Error, view.span, &message, instead(name, names));
}

/// Warns of a glob that matches nothing.
pub(super) fn matches_any(view: View<'_>, names: &Rc<Names>, report: &mut Report) {
    let Some(glob) = view.text() else { return };
    if report.is_unreadable(names.section()) || names.any_matches(glob) {
        return;
    }
    let message = format!("this matches nothing under `{}`", names.section());
    report.seek(Severity::Warning, view.span, &message, instead(glob, names));
}

/// Returns the help for a name that is not defined.
pub(super) fn instead(written: &str, names: &Rc<Names>) -> impl FnOnce() -> String + use<> {
    let (written, names) = (written.to_owned(), Rc::clone(names));
    move || names.instead_of(&written)
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
