//! The steps that show decisions: the plan, the counts, the findings, the masked body.

use crate::memory::Memory;
use crate::outcome::text;
use crate::play::Player;
use crate::step::{CountRow, CountedWhen, Step, TargetRow, finding_rows};
use headgate_policy::TargetKey;

impl Player<'_, '_> {
    /// Notes the plan, the counts, the findings and the masked body.
    pub(crate) fn trace_decisions(&mut self, before: &mut Memory) {
        let targets: Vec<TargetRow> =
            self.gate.targets(&self.worker.cooldowns).into_iter().map(TargetRow::from).collect();
        if !targets.is_empty() {
            self.step(|_| Step::Route { targets });
        }
        self.trace_counts(CountedWhen::Before, Some(before));
        self.trace_counts(CountedWhen::Reserved, None);
        let body = self.play.request.body.as_deref().unwrap_or_default();
        let found = finding_rows(self.gate.request_findings(body.as_bytes()), body);
        if !found.is_empty() {
            self.step(|_| Step::Findings { found });
        }
        if let Some(masked) = self.gate.masked_body() {
            let body = text(masked);
            self.step(|_| Step::Masks { body });
        }
    }

    pub(crate) fn trace_counts(&mut self, when: CountedWhen, ledger: Option<&mut Memory>) {
        if !self.play.traced {
            return;
        }
        let ledger = ledger.unwrap_or(&mut self.worker.ledger);
        let counted = self.gate.counts_now(*self.clock, ledger);
        let counts: Vec<CountRow> = counted.into_iter().map(|(rule, count)| CountRow::new(rule, count)).collect();
        if !counts.is_empty() {
            self.step(|_| Step::Counts { when, counts });
        }
    }

    /// Returns a target of the request's model as `provider/model`.
    pub(crate) fn name_of(&self, target: TargetKey) -> String {
        let all = self.gate.targets(&self.worker.cooldowns);
        let of = all.iter().find(|one| TargetKey::new(&one.provider, &one.model) == target);
        of.map(|one| format!("{}/{}", one.provider, one.model)).unwrap_or_default()
    }
}
