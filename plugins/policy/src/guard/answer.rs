//! An answer under guard: findings in its texts, and the originals that are put back into them.

use super::placeholders::{Placeholders, Restorer};
use super::request::{MAX_FINDINGS, TOO_MANY};
use super::{FindingKey, Guardrails, MAX_CHANGED_BYTES, Tally};
use crate::document::Action;
use headgate_exchange::{BodyItem, Edit, Examine, Halt, Splice, Splices, WrittenText, visit_answer};
use headgate_guardrails::{Finding, Policies, StreamScanner};
use headgate_record::Direction;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct AnswerGuard {
    guardrails: Arc<Guardrails>,
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

/// Bytes of each change besides its text.
const EDIT_BYTES: usize = 64;

/// One text of the answer.
#[derive(Debug)]
struct TextGuard {
    window: StreamScanner,
    restorer: Restorer,
    /// Masks that wait until everything before them is decided, in order.
    masks: VecDeque<Edit>,
    /// Originals that wait to be put back, in order.
    originals: VecDeque<Edit>,
    /// Where the last edit that was handed out ends.
    edited: usize,
}

impl AnswerGuard {
    pub(crate) fn new(guardrails: &Arc<Guardrails>, set: Policies, placeholders: Placeholders) -> Self {
        Self {
            guardrails: Arc::clone(guardrails),
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

    /// The first guardrail that acts, and so needs to read all of the answer.
    pub(crate) fn strict(&self) -> Option<u8> {
        self.guardrails.first_that_acts(self.set)
    }

    /// Whether nothing is ever changed or stopped.
    pub(crate) fn only_watches(&self) -> bool {
        self.strict().is_none() && !self.placeholders.restores()
    }

    /// Returns the changes of a whole JSON answer.
    pub(crate) fn whole(&mut self, body: &[u8]) -> Result<Splices, Halt> {
        let (mut splices, mut outcome) = (Vec::new(), Ok(()));
        let found = visit_answer(body, &mut |seen| {
            if let (BodyItem::Text(written), Ok(())) = (seen, outcome) {
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
        let (spelled, mut edits) = (written.unescaped_text(), Vec::new());
        self.examine_whole(&spelled.text, &mut edits)?;
        spelled.splices(&edits, splices);
        // All texts of an answer share one bound of restored bytes.
        let bytes = edits.iter().map(|edit| edit.with.len().saturating_add(EDIT_BYTES));
        self.changed = bytes.fold(self.changed, usize::saturating_add);
        self.overflowed |= self.changed > MAX_CHANGED_BYTES;
        if self.overflowed { Err(Halt::Unreadable) } else { Ok(()) }
    }
}

impl TextGuard {
    fn new(set: Policies) -> Self {
        Self {
            window: StreamScanner::new(set),
            restorer: Restorer::default(),
            masks: VecDeque::new(),
            originals: VecDeque::new(),
            edited: 0,
        }
    }

    /// Hands out the edits that begin before `decided`, in order, none overlapping. Where two guardrails mask the same
    /// bytes, the first one's placeholder stands for them; nothing is put back into masked text. Both queues are in order, so
    /// each edit is looked at once.
    fn settle(&mut self, decided: usize, out: &mut Vec<Edit>) {
        loop {
            let mask = self.masks.front().map(|edit| edit.at.start);
            let original = self.originals.front().map(|edit| edit.at.clone());
            let masks_first = mask.is_some_and(|mask| original.as_ref().is_none_or(|original| mask <= original.start));
            let start = if masks_first { mask } else { original.as_ref().map(|original| original.start) };
            if start.is_none_or(|start| start >= decided) {
                return;
            }
            let overlaps = || mask.zip(original).is_some_and(|(mask, original)| mask < original.end);
            if masks_first {
                self.mask_next(out);
            } else if overlaps() {
                self.originals.pop_front();
            } else if let Some(edit) = self.originals.pop_front() {
                self.hand_out(edit, out);
            }
        }
    }

    fn mask_next(&mut self, out: &mut Vec<Edit>) {
        if let Some(mut edit) = self.masks.pop_front() {
            edit.at.start = edit.at.start.max(self.edited);
            self.hand_out(edit, out);
        }
    }

    fn hand_out(&mut self, edit: Edit, out: &mut Vec<Edit>) {
        if edit.at.start >= self.edited && !edit.at.is_empty() {
            self.edited = edit.at.end;
            out.push(edit);
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

    /// Scans a piece of a text; returns the length up to which findings are decided.
    fn find(&mut self, one: &mut TextGuard, piece: &str, last: bool) -> usize {
        let guardrails = Arc::clone(&self.guardrails);
        let step = one.window.push(&guardrails.guard, piece.as_bytes());
        let mut decided = step.start.saturating_add(step.released.len());
        let mut findings = step.findings;
        if last {
            let step = one.window.finish(&guardrails.guard);
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
        self.tally.add(FindingKey { guardrail: finding.policy, kind, direction: Direction::Response });
        let action = self.guardrails.get(finding.policy).map(|guardrail| guardrail.action);
        self.bound(finding.policy, action);
        match action {
            Some(Action::Block) => self.blocked = self.blocked.or(Some(finding.policy)),
            Some(Action::Mask) => {
                let with = Placeholders::anonymous(kind);
                one.masks.push_back(Edit { at: finding.start..finding.end, with });
            }
            Some(Action::Monitor) | None => {}
        }
    }

    fn bound(&mut self, guardrail: u8, action: Option<Action>) {
        self.acted = self.acted.saturating_add(u32::from(!matches!(action, None | Some(Action::Monitor))));
        if self.acted > MAX_FINDINGS && self.flooded.is_none() {
            self.flooded = Some(guardrail);
            self.tally.add(FindingKey { guardrail, kind: TOO_MANY, direction: Direction::Response });
        }
    }

    /// Looks for placeholders; how much of the text is decided. A placeholder of ten bytes may stand for thousands, and an
    /// answer may repeat it at will, so restored bytes are bounded.
    fn restore(&mut self, one: &mut TextGuard, piece: &str, last: bool) -> Result<usize, Halt> {
        let TextGuard { restorer, originals, .. } = one;
        let mut bytes = 0_usize;
        let decided = restorer.read(&self.placeholders, piece, last, |at, original| {
            bytes = bytes.saturating_add(original.len()).saturating_add(EDIT_BYTES);
            if bytes <= MAX_CHANGED_BYTES {
                originals.push_back(Edit { at, with: original.to_owned() });
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
        let (guardrails, set) = (Arc::clone(&self.guardrails), self.set);
        let mut one = TextGuard::new(set);
        // Findings of a whole text are counted before any is kept.
        let flow = guardrails.guard.look_through(text.as_bytes(), set, |finding| {
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
    use crate::document::{DetectorSpec, Guardrail};

    fn settled(edits: &[(std::ops::Range<usize>, bool)], decided: &[usize]) -> Vec<std::ops::Range<usize>> {
        let mut text = TextGuard::new(Policies::NONE);
        for (at, masks) in edits {
            let edit = Edit { at: at.clone(), with: String::new() };
            if *masks { text.masks.push_back(edit) } else { text.originals.push_back(edit) }
        }
        let mut out = Vec::new();
        decided.iter().for_each(|decided| text.settle(*decided, &mut out));
        out.into_iter().map(|edit| edit.at).collect()
    }

    #[test]
    fn overlapping_masks_become_one() {
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

    fn guard(action: Action, restored: &[(&'static str, &str)]) -> AnswerGuard {
        let detect =
            DetectorSpec { policy: "g".into(), action, kinds: vec!["email".into()], ..DetectorSpec::default() };
        let guardrails =
            Guardrails::load(&[Guardrail { detect, on_response: true, ..Guardrail::default() }], |_| None).unwrap();
        let mut placeholders = Placeholders::default();
        restored.iter().for_each(|(kind, original)| drop(placeholders.name(kind, original, true)));
        AnswerGuard::new(&Arc::new(guardrails), Policies::from_iter([0]), placeholders)
    }

    fn addresses(count: u32) -> String {
        (0..count).map(|number| format!("a{number}@b.co ")).collect()
    }

    #[test]
    fn too_many_findings_reject_an_answer() {
        let within = |text: &str| guard(Action::Mask, &[]).examine_whole(text, &mut Vec::new());
        assert_eq!(within(&addresses(MAX_FINDINGS)), Ok(()));
        assert_eq!(within(&addresses(MAX_FINDINGS + 1)), Err(Halt::Blocked));
        let mut guard = guard(Action::Mask, &[]);
        let text = addresses(MAX_FINDINGS + 1);
        let pieces = text.as_bytes().chunks(1000).map(|piece| std::str::from_utf8(piece).unwrap());
        let outcome = pieces.map(|piece| guard.examine(0, piece, false, &mut Vec::new())).find(Result::is_err);
        assert_eq!((outcome, guard.flooded), (Some(Err(Halt::Blocked)), Some(0)));
    }

    #[test]
    fn too_large_restores_reject_an_answer() {
        let original = "o".repeat(MAX_CHANGED_BYTES / 100);
        let restored = [("email", original.as_str())];
        let text = |times: usize| "[EMAIL_1] ".repeat(times);
        assert!(guard(Action::Monitor, &restored).examine_whole(&text(99), &mut Vec::new()).is_ok());
        let mut whole = guard(Action::Monitor, &restored);
        assert_eq!(whole.examine_whole(&text(101), &mut Vec::new()), Err(Halt::Unreadable));
        assert!(whole.overflowed);
        let mut stream = guard(Action::Monitor, &restored);
        assert_eq!(stream.examine(0, &text(101), false, &mut Vec::new()), Err(Halt::Unreadable));
        assert!(stream.overflowed);
        // The texts of one JSON answer share one bound.
        let body = format!(r#"{{"choices":[{{"message":{{"content":"{0}","refusal":"{0}"}}}}]}}"#, text(60));
        assert!(matches!(guard(Action::Monitor, &restored).whole(body.as_bytes()), Err(Halt::Unreadable)));
    }

    #[test]
    fn settling_looks_at_each_edit_once() {
        let mut text = TextGuard::new(Policies::NONE);
        let mut out = Vec::new();
        for number in 0..20_000 {
            text.originals.push_back(Edit { at: number * 10..number * 10 + 9, with: String::new() });
            text.settle(0, &mut out);
        }
        // Nothing was decided, so nothing was moved or sorted; now everything goes at once.
        text.settle(usize::MAX, &mut out);
        assert_eq!((out.len(), text.originals.len()), (20_000, 0));
    }
}
