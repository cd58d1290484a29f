//! An answer under guard: what is found in its texts, and the originals that are put back into them.

use super::placeholders::{Placeholders, Restorer};
use super::request::{MAX_FINDINGS, TOO_MANY};
use super::{MAX_CHANGED_BYTES, Rails, Sighting, Tally};
use crate::document::Action;
use headgate_exchange::{Edit, Examine, Halt, Seen, Splice, Splices, WrittenText, visit_answer};
use headgate_guardrails::{Finding, Policies, Window};
use headgate_record::Direction;
use std::ops::ControlFlow;
use std::rc::Rc;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct AnswerGuard {
    rails: Rc<Rails>,
    set: Policies,
    placeholders: Placeholders,
    texts: Vec<TextGuard>,
    pub(crate) tally: Tally,
    /// The guardrail that does not let it through.
    pub(crate) blocked: Option<u8>,
    /// More is to be put back than may be at a time.
    pub(crate) overflowed: bool,
    /// Bytes of the changes of a whole answer so far.
    changed: usize,
    /// The guardrail that would have to mask more than [`MAX_FINDINGS`].
    pub(crate) flooded: Option<u8>,
    /// Findings that something was done about.
    acted: u32,
}

/// What is kept of each change besides its text.
const EDIT_BYTES: usize = 64;

/// One text of the answer.
#[derive(Debug)]
struct TextGuard {
    window: Window,
    restorer: Restorer,
    /// Edits behind what is decided; those of guardrails have the higher rank.
    edits: Vec<(Edit, bool)>,
    /// Where the last edit that was handed out ends.
    edited: usize,
}

impl AnswerGuard {
    pub(crate) fn new(rails: &Rc<Rails>, set: Policies, placeholders: Placeholders) -> Self {
        Self {
            rails: Rc::clone(rails),
            set,
            placeholders,
            texts: Vec::new(),
            tally: Tally::default(),
            blocked: None,
            overflowed: false,
            changed: 0,
            flooded: None,
            acted: 0,
        }
    }

    /// The guardrail for whose sake nothing unread may pass.
    pub(crate) fn strict(&self) -> Option<u8> {
        self.rails.first_that_acts(self.set)
    }

    /// Whether nothing is ever changed or stopped.
    pub(crate) fn only_watches(&self) -> bool {
        self.strict().is_none() && !self.placeholders.restores()
    }

    /// A whole JSON answer: what is to be changed of it.
    pub(crate) fn whole(&mut self, body: &[u8]) -> Result<Splices, Halt> {
        let (mut splices, mut outcome) = (Vec::new(), Ok(()));
        let found = visit_answer(body, &mut |seen| {
            if let (Seen::Text(written), Ok(())) = (seen, outcome) {
                outcome = self.whole_text(&written, &mut splices);
            }
        });
        let Some(found) = found else { return Err(Halt::Unreadable) };
        outcome?;
        if !splices.is_empty() {
            splices.extend(found.logprobs.into_iter().map(|at| Splice { at, with: b"null".to_vec() }));
        }
        Ok(Splices::new(splices))
    }

    fn whole_text(&mut self, written: &WrittenText<'_>, splices: &mut Vec<Splice>) -> Result<(), Halt> {
        let (spelled, mut edits) = (written.spelled(), Vec::new());
        self.examine_whole(&spelled.text, &mut edits)?;
        spelled.splices(&edits, splices);
        // Each text takes what is put back into it from what may be put back into the answer.
        let bytes = edits.iter().map(|edit| edit.with.len().saturating_add(EDIT_BYTES));
        self.changed = bytes.fold(self.changed, usize::saturating_add);
        self.overflowed |= self.changed > MAX_CHANGED_BYTES;
        if self.overflowed { Err(Halt::Unreadable) } else { Ok(()) }
    }
}

impl TextGuard {
    fn new(set: Policies) -> Self {
        Self { window: Window::new(set), restorer: Restorer::default(), edits: Vec::new(), edited: 0 }
    }

    /// Hands out the edits that begin before `decided`, in order, none overlapping. Where two guardrails mask the same
    /// bytes, the first one's placeholder stands for them; nothing is put back into what is masked.
    fn settle(&mut self, decided: usize, out: &mut Vec<Edit>) {
        self.edits.sort_by_key(|(edit, guards)| (edit.at.start, !guards));
        let settled = self.edits.iter().take_while(|(edit, _)| edit.at.start < decided).count();
        let mut next_mask = self.edits.iter().skip(settled).find(|(_, guards)| *guards).map(|(edit, _)| edit.at.start);
        // From the last to the first: what is put back must end before the next mask begins.
        let mut kept: Vec<(Edit, bool)> = Vec::with_capacity(settled);
        for (edit, guards) in self.edits.drain(..settled).rev() {
            if guards {
                next_mask = Some(edit.at.start);
            } else if next_mask.is_some_and(|start| start < edit.at.end) {
                continue;
            }
            kept.push((edit, guards));
        }
        for (mut edit, guards) in kept.into_iter().rev() {
            if guards {
                edit.at.start = edit.at.start.max(self.edited);
            }
            if edit.at.start >= self.edited && !edit.at.is_empty() {
                self.edited = edit.at.end;
                out.push(edit);
            }
        }
    }
}

impl AnswerGuard {
    fn read(&mut self, one: &mut TextGuard, piece: &str, last: bool, edits: &mut Vec<Edit>) -> Result<usize, Halt> {
        let found = if self.set.is_empty() { usize::MAX } else { self.find(one, piece, last) };
        if self.blocked.is_some() || self.flooded.is_some() {
            return Err(Halt::Blocked);
        }
        let restored = if self.placeholders.restores() { self.restore(one, piece, last)? } else { usize::MAX };
        let decided = found.min(restored);
        one.settle(if last { usize::MAX } else { decided }, edits);
        Ok(decided)
    }

    /// Looks for what the guardrails are about; how much of the text is decided.
    fn find(&mut self, one: &mut TextGuard, piece: &str, last: bool) -> usize {
        let rails = Rc::clone(&self.rails);
        let step = one.window.push(&rails.guard, piece.as_bytes());
        let mut decided = step.start.saturating_add(step.released.len());
        let mut findings = step.findings;
        if last {
            let step = one.window.finish(&rails.guard);
            decided = step.start.saturating_add(step.released.len());
            findings.extend(step.findings);
        }
        for finding in findings {
            self.act(one, finding);
        }
        decided
    }

    fn act(&mut self, one: &mut TextGuard, finding: Finding) {
        let kind = finding.kind.name();
        self.tally.add(Sighting { rail: finding.policy, kind, direction: Direction::Response });
        let action = self.rails.get(finding.policy).map(|rail| rail.action);
        self.bound(finding.policy, action);
        match action {
            Some(Action::Block) => self.blocked = self.blocked.or(Some(finding.policy)),
            Some(Action::Mask) => {
                let with = Placeholders::anonymous(kind);
                one.edits.push((Edit { at: finding.start..finding.end, with }, true));
            }
            Some(Action::Monitor) | None => {}
        }
    }

    fn bound(&mut self, rail: u8, action: Option<Action>) {
        self.acted = self.acted.saturating_add(u32::from(!matches!(action, None | Some(Action::Monitor))));
        if self.acted > MAX_FINDINGS && self.flooded.is_none() {
            self.flooded = Some(rail);
            self.tally.add(Sighting { rail, kind: TOO_MANY, direction: Direction::Response });
        }
    }

    /// Looks for placeholders; how much of the text is decided. A placeholder of ten bytes may stand for thousands, and an
    /// answer may repeat it at will: what is put back at a time is bounded.
    fn restore(&mut self, one: &mut TextGuard, piece: &str, last: bool) -> Result<usize, Halt> {
        let TextGuard { restorer, edits, .. } = one;
        let mut bytes = 0_usize;
        let decided = restorer.read(&self.placeholders, piece, last, |at, original| {
            bytes = bytes.saturating_add(original.len()).saturating_add(EDIT_BYTES);
            if bytes <= MAX_CHANGED_BYTES {
                edits.push((Edit { at, with: original.to_owned() }, false));
            }
        });
        self.overflowed |= bytes > MAX_CHANGED_BYTES;
        if self.overflowed { Err(Halt::Unreadable) } else { Ok(decided) }
    }
}

impl Examine for AnswerGuard {
    fn examine(&mut self, text: usize, piece: &str, last: bool, edits: &mut Vec<Edit>) -> Result<usize, Halt> {
        let set = self.set;
        if self.texts.len() <= text {
            self.texts.resize_with(text.saturating_add(1), || TextGuard::new(set));
        }
        let Some(one) = self.texts.get_mut(text) else { return Err(Halt::Unreadable) };
        let mut one = std::mem::replace(one, TextGuard::new(set));
        let outcome = self.read(&mut one, piece, last, edits);
        if let Some(place) = self.texts.get_mut(text).filter(|_| !last) {
            *place = one;
        }
        outcome
    }

    fn examine_whole(&mut self, text: &str, edits: &mut Vec<Edit>) -> Result<(), Halt> {
        let (rails, set) = (Rc::clone(&self.rails), self.set);
        let mut one = TextGuard::new(set);
        // What is found in a text that is there as a whole is not kept before its bound is known.
        let flow = rails.guard.look_through(text.as_bytes(), set, |finding| {
            self.act(&mut one, finding);
            if self.flooded.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if flow.is_break() || self.blocked.is_some() {
            return Err(Halt::Blocked);
        }
        if self.placeholders.restores() {
            self.restore(&mut one, text, true)?;
        }
        one.settle(usize::MAX, edits);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(edits: &[(std::ops::Range<usize>, bool)], decided: &[usize]) -> Vec<std::ops::Range<usize>> {
        let mut text = TextGuard::new(Policies::NONE);
        text.edits = edits.iter().map(|(at, guards)| (Edit { at: at.clone(), with: String::new() }, *guards)).collect();
        let mut out = Vec::new();
        decided.iter().for_each(|decided| text.settle(*decided, &mut out));
        out.into_iter().map(|edit| edit.at).collect()
    }

    #[test]
    fn what_two_guardrails_mask_is_masked_once_and_whole_in_one_step_or_in_two() {
        let edits = [(10..20, true), (10..12, true), (18..25, true), (30..31, true)];
        for decided in [vec![99], vec![15, 99], vec![11, 19, 99]] {
            assert_eq!(settled(&edits, &decided), [10..20, 20..25, 30..31], "{decided:?}");
        }
    }

    #[test]
    fn nothing_is_put_back_into_what_is_masked() {
        let edits = [(0..5, false), (4..8, true), (7..12, false), (12..15, false)];
        assert_eq!(settled(&edits, &[99]), [4..8, 12..15]);
    }
}
