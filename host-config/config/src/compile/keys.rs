//! Teams and virtual keys.

use crate::diagnostic::Report;
use crate::scalar;
use crate::typed_view::View;
use headgate_policy::document::{Key, Team};
use headgate_record::RiskClass;
use std::collections::BTreeMap;

/// Compiles teams in the order of the file.
pub(super) fn teams(root: View<'_>) -> Vec<Team> {
    root.named("teams")
        .map(|named| Team {
            name: named.name.to_owned(),
            project: named.value.string("project"),
            application: named.value.string("application"),
            use_case: named.value.string("use_case"),
            risk_class: named.value.text_at("risk_class").and_then(RiskClass::named),
            cost_center: named.value.string("cost_center"),
            tenant: named.value.string("tenant"),
        })
        .collect()
}

/// Compiles keys in the order of the file. `needed` says that callers have nothing else.
pub(super) fn keys(root: View<'_>, teams: &[Team], needed: bool, now: u64, report: &mut Report) -> Vec<Key> {
    let is_empty = needed && root.get("keys").is_none_or(View::is_empty);
    if root.is_map() && !root.is_empty() && is_empty && !report.is_unreadable("keys") {
        let at = root.get("keys").unwrap_or(root).span;
        report.warning(
            at,
            "there are no keys: every request is answered with 401",
            "add the entry that `headgate keys new --id NAME` prints",
        );
    }
    let teams: BTreeMap<_, _> = (0..).zip(teams).map(|(index, team)| (team.name.as_str(), index)).collect();
    root.items("keys").map(|view| key(view, &teams, now, report)).collect()
}

fn key(view: View<'_>, teams: &BTreeMap<&str, u32>, now: u64, report: &mut Report) -> Key {
    let expires = view.read("expires", scalar::unix_seconds);
    if let Some(written) = view.get("expires").filter(|_| expires.is_some_and(|time| time <= now)) {
        report.warning(written.span, "this key has expired", "write a later date, or remove the entry");
    }
    Key {
        id: view.string("id").unwrap_or_default(),
        sha256: view.read("sha256", scalar::sha256).unwrap_or_default(),
        owner: view.string("owner"),
        team: view.text_at("team").and_then(|name| teams.get(name).copied()),
        project: view.string("project"),
        application: view.string("application"),
        use_case: view.string("use_case"),
        risk_class: view.text_at("risk_class").and_then(RiskClass::named),
        models: view.get("models").map(|_| view.strings("models")),
        expires,
        disabled: view.read("disabled", scalar::flag).unwrap_or_default(),
        playground: view.read("playground", scalar::flag).unwrap_or_default(),
    }
}
