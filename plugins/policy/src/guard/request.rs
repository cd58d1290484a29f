//! A request under guard: its limits, its tools, and every text of it.

use super::{MAX_CHANGED_BYTES, MAX_CHANGES, PIECE, Placeholders, Rail, Rails, Sighting, Tally};
use crate::document::Action;
use headgate_exchange::{Edit, RequestScan, Splice, Splices, Texts, WrittenText};
use headgate_guardrails::{Finding, Policies, Window};
use headgate_record::Direction;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// The guardrail that does not let it through.
    pub(crate) blocked: Option<u8>,
    /// The guardrail that finds more than is masked.
    pub(crate) too_many: Option<u8>,
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
    let mut pass =
        Pass { rails, set, placeholders, tally, blocked: None, too_many: None, bytes: 0, splices: Vec::new() };
    pass.limits(scan, texts);
    for text in &texts.texts {
        if pass.too_many.is_some() {
            break;
        }
        pass.text(text);
    }
    Checked { blocked: pass.blocked, too_many: pass.too_many, splices: Splices::new(pass.splices) }
}

struct Pass<'a> {
    rails: &'a Rails,
    set: Policies,
    placeholders: &'a mut Placeholders,
    tally: &'a mut Tally,
    blocked: Option<u8>,
    too_many: Option<u8>,
    /// Of the originals.
    bytes: usize,
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
        let mut masks: Vec<Finding> = Vec::new();
        self.find(spelled.text.as_bytes(), &mut masks);
        for mask in masks {
            let Some(original) = spelled.text.get(mask.start..mask.end) else { continue };
            let restore = self.rails.get(mask.policy).is_some_and(|rail| rail.restore);
            let with = self.placeholders.name(mask.kind.name(), original, restore);
            self.splices.push(spelled.splice(&Edit { at: mask.start..mask.end, with }));
        }
    }

    /// Looks through a text piece by piece; ends early once there is more to mask than may be.
    fn find(&mut self, text: &[u8], masks: &mut Vec<Finding>) {
        if text.len() <= PIECE {
            return self.note(self.rails.guard.find_in(text, self.set), masks);
        }
        let mut window = Window::new(self.set);
        for piece in text.chunks(PIECE) {
            let found = window.push(&self.rails.guard, piece).findings;
            self.note(found, masks);
            if self.too_many.is_some() {
                return;
            }
        }
        let found = window.finish(&self.rails.guard).findings;
        self.note(found, masks);
    }

    fn note(&mut self, findings: Vec<Finding>, masks: &mut Vec<Finding>) {
        for finding in findings {
            if self.see(finding.policy, finding.kind.name()) != Some(Action::Mask) {
                continue;
            }
            self.bytes = self.bytes.saturating_add(finding.end.saturating_sub(finding.start));
            let changes = self.splices.len().saturating_add(masks.len());
            if changes >= MAX_CHANGES || self.bytes > MAX_CHANGED_BYTES {
                self.too_many.get_or_insert(finding.policy);
                return;
            }
            join(masks, finding);
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
