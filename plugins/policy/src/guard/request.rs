//! A request under guard: its limits, its tools, and every text of it.

use super::{Placeholders, Rail, Rails, Sighting, Tally};
use crate::document::Action;
use headgate_exchange::{Edit, RequestScan, Splice, Splices, Texts, WrittenText};
use headgate_guardrails::{Finding, Policies};
use headgate_record::Direction;
use std::ops::ControlFlow;

/// Most findings of one request, and of one answer, that are blocked or masked. Each takes a few hundred bytes until the
/// exchange is over.
pub(crate) const MAX_FINDINGS: u32 = 10_000;
/// Reason on record of what had more.
pub(super) const TOO_MANY: &str = "too_many_findings";
/// Reason on record of a prompt that nobody can read.
pub(super) const TOKEN_IDS: &str = "token_ids";

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// The guardrail that does not let it through.
    pub(crate) blocked: Option<u8>,
    /// The guardrail that would have to mask more than [`MAX_FINDINGS`].
    pub(crate) flooded: Option<u8>,
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
        Pass { rails, set, placeholders, tally, blocked: None, flooded: None, acted: 0, splices: Vec::new() };
    pass.limits(scan, texts);
    let _ = texts.texts.iter().try_for_each(|text| pass.text(text));
    Checked { blocked: pass.blocked, flooded: pass.flooded, splices: Splices::new(pass.splices) }
}

struct Pass<'a> {
    rails: &'a Rails,
    set: Policies,
    placeholders: &'a mut Placeholders,
    tally: &'a mut Tally,
    blocked: Option<u8>,
    flooded: Option<u8>,
    /// Findings that something was done about.
    acted: u32,
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

    fn text(&mut self, written: &WrittenText<'_>) -> ControlFlow<()> {
        let spelled = written.spelled();
        let mut masks: Vec<Finding> = Vec::new();
        let (rails, set) = (self.rails, self.set);
        rails.guard.look_through(spelled.text.as_bytes(), set, |finding| {
            let action = self.see(finding.policy, finding.kind.name());
            if action == Some(Action::Mask) {
                join(&mut masks, finding);
            }
            self.bound(finding.policy, action)
        })?;
        for mask in masks {
            let Some(original) = spelled.text.get(mask.start..mask.end) else { continue };
            let restore = self.rails.get(mask.policy).is_some_and(|rail| rail.restore);
            let with = self.placeholders.name(mask.kind.name(), original, restore);
            self.splices.push(spelled.splice(&Edit { at: mask.start..mask.end, with }));
        }
        ControlFlow::Continue(())
    }

    /// What is masked is kept, so it has a bound; beyond it nothing passes, and there is no use in looking on.
    fn bound(&mut self, rail: u8, action: Option<Action>) -> ControlFlow<()> {
        self.acted += u32::from(!matches!(action, None | Some(Action::Monitor)));
        if self.acted <= MAX_FINDINGS {
            return ControlFlow::Continue(());
        }
        if self.blocked.is_none() {
            self.flooded = Some(rail);
            self.tally.add(Sighting { rail, kind: TOO_MANY, direction: Direction::Request });
        }
        ControlFlow::Break(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{DetectorSpec, Guardrail};
    use headgate_exchange::{Surface, request_texts, scan_request};

    fn checked(action: Action, addresses: u32) -> (Checked, Tally) {
        let detect =
            DetectorSpec { policy: "g".into(), action, kinds: vec!["email".into()], ..DetectorSpec::default() };
        let rails = Rails::load(&[Guardrail { detect, on_request: true, ..Guardrail::default() }], |_| None).unwrap();
        let text: String = (0..addresses).map(|number| format!("a{number}@b.co ")).collect();
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}"#).into_bytes();
        let scan = scan_request(Surface::ChatCompletions, &body).unwrap();
        let texts = request_texts(&body).unwrap();
        let (mut placeholders, mut tally) = (Placeholders::default(), Tally::default());
        let checked = check_request(&rails, Policies::from_iter([0]), &scan, &texts, &mut placeholders, &mut tally);
        (checked, tally)
    }

    #[test]
    fn masking_stops_at_its_bound_and_refuses() {
        let (within, _) = checked(Action::Mask, MAX_FINDINGS);
        assert!(within.flooded.is_none() && within.splices.list().len() == MAX_FINDINGS as usize);
        let (beyond, tally) = checked(Action::Mask, MAX_FINDINGS + 1);
        assert_eq!((beyond.flooded, beyond.blocked), (Some(0), None));
        assert!(tally.redactions(&Rails::load(&[], |_| None).unwrap()).is_empty());
    }

    #[test]
    fn blocking_and_watching_need_no_bound() {
        let (blocked, _) = checked(Action::Block, MAX_FINDINGS * 2);
        assert_eq!((blocked.flooded, blocked.blocked), (None, Some(0)));
        let (watched, _) = checked(Action::Monitor, MAX_FINDINGS * 2);
        assert_eq!((watched.flooded, watched.blocked), (None, None));
    }
}
