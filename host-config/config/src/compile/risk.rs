//! Risk classes of keys and teams, and the time for which their records are kept.

use crate::diagnostic::Report;
use crate::typed_view::View;
use headgate_policy::document::Document;
use headgate_record::RiskClass;

/// Days for which logs of a high-risk use are kept at least: six months (Regulation (EU) 2024/1689, articles 19 and 26(6)).
const HIGH_RISK_DAYS: u64 = 183;

/// Name of that time in `logging.retention`.
const PRESET: &str = "eu-ai-act";

/// Warns if records of a high-risk use are kept for less than six months.
pub(super) fn check(root: View<'_>, document: &Document, report: &mut Report) {
    let Some(written) = first_high(root) else { return };
    let days = document.logging.retention_class.strip_suffix('d').and_then(|days| days.parse::<u64>().ok());
    if days.is_some_and(|days| days >= HIGH_RISK_DAYS) {
        return;
    }
    let retention = root.get("logging").and_then(|logging| logging.get("retention"));
    report.warning(
        retention.unwrap_or(written).span,
        &format!(
            "there are keys of risk class `high`, and their records are kept for {}: the EU AI Act asks for six months at least",
            document.logging.retention_class
        ),
        &format!("write `retention: {}` under `logging`", PRESET),
    );
}

/// Returns the first place that states the class `high`.
fn first_high(root: View<'_>) -> Option<View<'_>> {
    let teams = root.named("teams").find_map(|team| high(team.value));
    let rules = || root.get("identity").and_then(|identity| identity.items("rules").find_map(high));
    teams.or_else(|| root.items("keys").find_map(high)).or_else(rules)
}

/// Returns the class of a team, a key or a rule if it is `high`.
fn high(view: View<'_>) -> Option<View<'_>> {
    view.get("risk_class").filter(|class| class.text() == Some(RiskClass::High.as_str()))
}
