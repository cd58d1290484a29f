//! Compiles the stages of the policy and of its stage sets, and reports sets that cannot work.

use crate::diagnostic::Report;
use crate::typed_view::View;
use headgate_policy::document::{Stage, Stages};
use std::collections::BTreeMap;

/// Largest number of stage sets. Each is a filter of its own in the proxy's chain.
const MAX_SETS: usize = 16;

/// The stages of all routes.
pub(super) struct StageSets {
    /// Of routes that ask for no set.
    pub(super) own: Stages,
    /// By the names that routes ask for.
    pub(super) sets: BTreeMap<String, Stages>,
}

impl StageSets {
    pub(super) fn of(root: View<'_>, report: &mut Report) -> Self {
        let own = own(root, report);
        let mut sets = BTreeMap::new();
        for named in root.named("stage_sets") {
            let written: Stages = list(root.get("stage_sets"), named.name);
            sound(root, named.value, written, report);
            sets.insert(named.name.to_owned(), written);
        }
        if let Some(many) = root.named("stage_sets").nth(MAX_SETS) {
            report.error(many.span, "there are more than 16 stage sets", "remove sets from here on");
        }
        let all = Self { own, sets };
        all.without_effect(root, report);
        all
    }

    /// Returns whether a stage is on somewhere.
    pub(super) fn any(&self, stage: Stage) -> bool {
        self.own.has(stage) || self.sets.values().any(|set| set.has(stage))
    }

    /// Returns whether the proxy routes some requests.
    pub(super) fn proxied(&self) -> bool {
        !self.own.has(Stage::Routing) || self.sets.values().any(|set| !set.has(Stage::Routing))
    }

    /// Warns of parts of the file that no stage reads.
    fn without_effect(&self, root: View<'_>, report: &mut Report) {
        const PARTS: [(&str, Stage); 6] = [
            ("keys", Stage::Keys),
            ("models", Stage::Routing),
            ("cors", Stage::Routing),
            ("limits", Stage::Limits),
            ("budgets", Stage::Limits),
            ("guardrails", Stage::Guardrails),
        ];
        for (part, stage) in PARTS.into_iter().filter(|(_, stage)| !self.any(*stage)) {
            let Some(written) = root.get(part).filter(|written| !written.is_empty()) else { continue };
            let message = format!("this has no effect, because the stage `{}` is off", stage.as_str());
            let help = format!("add `{}` to `stages`, or remove this", stage.as_str());
            report.warning(written.span, &message, &help);
        }
    }
}

fn own(root: View<'_>, report: &mut Report) -> Stages {
    let by_proxy = root.text_at("routing").map(|mode| mode == "proxy");
    let Some(written) = root.get("stages") else {
        let all = Stages::default();
        return if by_proxy == Some(true) { all.without(Stage::Routing) } else { all };
    };
    let stages: Stages = list(Some(root), "stages");
    match (by_proxy, stages.has(Stage::Routing)) {
        (Some(true), true) => report.error(
            written.span,
            "`routing` is a stage here, but `routing: proxy` leaves it to the proxy",
            "remove `routing` from `stages`, or write `routing: gateway`",
        ),
        (Some(false), false) => report.error(
            written.span,
            "`routing: gateway` needs the stage `routing`",
            "add `routing` to `stages`, or write `routing: proxy`",
        ),
        _ => {}
    }
    sound(root, written, stages, report);
    stages
}

/// Reports a set of stages that cannot work.
fn sound(root: View<'_>, written: View<'_>, stages: Stages, report: &mut Report) {
    if stages.iter().next().is_none() && written.is_empty() {
        report.error(written.span, "no stage is on", "write at least one: `[logging]`");
    }
    let identified = stages.has(Stage::Keys) || root.get("identity").is_some();
    if stages.has(Stage::Routing) && !identified {
        report.error(
            written.span,
            "`routing` sends the operator's credentials for anybody, because no stage knows the caller",
            "add `keys` here, or write an `identity`",
        );
    }
}

fn list(view: Option<View<'_>>, key: &str) -> Stages {
    let names = view.map(|view| view.strings(key)).unwrap_or_default();
    Stage::ALL.into_iter().filter(|stage| names.iter().any(|name| name == stage.as_str())).collect()
}
