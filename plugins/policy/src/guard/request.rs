//! A request under guard: its limits, its tools, and every text of it.

use super::{Placeholders, Rail, Rails, Sighting, Tally};
use crate::document::Action;
use headgate_exchange::{Edit, RequestScan, Splice, Splices, Texts, WrittenText};
use headgate_guardrails::{Finding, Policies};
use headgate_record::Direction;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// The guardrail that does not let it through.
    pub(crate) blocked: Option<u8>,
    /// What is to be masked.
    pub(crate) splices: Splices,
}

/// Looks through a request for what these guardrails are about.
pub(crate) fn check_request(
    rails: &Rails,
    set: Policies,
    scan: &RequestScan,
    texts: &Texts<'_>,
    placeholders: &mut Placeholders,
    tally: &mut Tally,
) -> Checked {
    let mut pass = Pass { rails, set, placeholders, tally, blocked: None, splices: Vec::new() };
    pass.limits(scan, texts);
    texts.texts.iter().for_each(|text| pass.text(text));
    Checked { blocked: pass.blocked, splices: Splices::new(pass.splices) }
}

struct Pass<'a> {
    rails: &'a Rails,
    set: Policies,
    placeholders: &'a mut Placeholders,
    tally: &'a mut Tally,
    blocked: Option<u8>,
    splices: Vec<Splice>,
}

impl Pass<'_> {
    fn limits(&mut self, scan: &RequestScan, texts: &Texts<'_>) {
        for index in self.set.iter() {
            let Some(Rail { limits, .. }) = self.rails.get(index) else { continue };
            if limits.input_bytes.is_some_and(|most| scan.text_bytes > most) {
                self.see(index, "input_size");
            }
            if limits.attachments.is_some_and(|most| scan.attachments > most) {
                self.see(index, "attachments");
            }
            for _ in texts.tools.iter().filter(|name| !limits.allows_tool(name)) {
                self.see(index, "tool");
            }
        }
    }

    fn text(&mut self, written: &WrittenText<'_>) {
        let spelled = written.spelled();
        let findings = self.rails.guard.find_in(spelled.text.as_bytes(), self.set);
        let mut masks: Vec<Finding> = Vec::new();
        for finding in findings {
            if self.see(finding.policy, finding.kind.name()) == Some(Action::Mask) {
                join(&mut masks, finding);
            }
        }
        for mask in masks {
            let Some(original) = spelled.text.get(mask.start..mask.end) else { continue };
            let restore = self.rails.get(mask.policy).is_some_and(|rail| rail.restore);
            let with = self.placeholders.name(mask.kind.name(), original, restore);
            self.splices.push(spelled.splice(&Edit { at: mask.start..mask.end, with }));
        }
    }

    /// Counts a finding and says what becomes of it.
    fn see(&mut self, rail: u8, kind: &'static str) -> Option<Action> {
        let action = self.rails.get(rail)?.action;
        self.tally.add(Sighting { rail, kind, direction: Direction::Request });
        if action == Action::Block {
            self.blocked.get_or_insert(rail);
        }
        Some(action)
    }
}

/// Adds a finding to those before it; what overlaps becomes one.
fn join(masks: &mut Vec<Finding>, finding: Finding) {
    match masks.last_mut().filter(|last| finding.start < last.end) {
        Some(last) => last.end = last.end.max(finding.end),
        None => masks.push(finding),
    }
}
