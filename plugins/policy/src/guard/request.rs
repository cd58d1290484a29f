//! A request under guard: its limits, its tools, and every text of it.

use super::{Placeholders, Rails, Sighting, Tally};
use crate::document::Action;
use headgate_exchange::{Edit, Seen, Splice, Splices, Texts, WrittenText, visit_request};
use headgate_guardrails::{Finding, Policies};
use headgate_record::Direction;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Most findings of one request, and of one answer, that are blocked or masked. Each takes a few hundred bytes until the
/// exchange is over.
pub(crate) const MAX_FINDINGS: u32 = 10_000;
/// Bytes of text that one token id counts as.
const BYTES_OF_TOKEN: u64 = 4;
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
    /// The guardrail that has to read a prompt of token ids.
    pub(crate) unreadable: Option<u8>,
    /// What is to be masked.
    pub(crate) splices: Splices,
}

/// Looks through a request for what these guardrails are about; `None` if it is no JSON.
pub(crate) fn check_request(
    rails: &Rails,
    set: Policies,
    body: &[u8],
    placeholders: &mut Placeholders,
    tally: &mut Tally,
) -> Option<Checked> {
    let mut pass = Pass {
        rails,
        set,
        placeholders,
        tally,
        checked: Checked::default(),
        acted: 0,
        splices: Vec::new(),
        tools: BTreeMap::new(),
        over: false,
    };
    let found = visit_request(body, &mut |seen| pass.see_piece(seen))?;
    pass.limits(&found);
    Some(Checked { splices: Splices::new(pass.splices), ..pass.checked })
}

struct Pass<'a> {
    rails: &'a Rails,
    set: Policies,
    placeholders: &'a mut Placeholders,
    tally: &'a mut Tally,
    checked: Checked,
    /// Findings that something was done about.
    acted: u32,
    splices: Vec<Splice>,
    /// How many tools each guardrail does not allow.
    tools: BTreeMap<u8, u32>,
    /// There is no use in looking on.
    over: bool,
}

impl Pass<'_> {
    fn see_piece(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Text(text) if !self.over => self.over = self.text(&text).is_break(),
            Seen::Text(_) => {}
            Seen::Tool(name) => self.tool(&name),
        }
    }

    fn tool(&mut self, name: &str) {
        for index in self.set.iter() {
            if self.rails.get(index).is_some_and(|rail| !rail.limits.allows_tool(name)) {
                let count = self.tools.entry(index).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    fn limits(&mut self, found: &Texts<'_>) {
        for index in self.set.iter() {
            let Some(rail) = self.rails.get(index) else { continue };
            // What ids stand for is about as long as four bytes of text.
            let bytes = found.text_bytes.saturating_add(found.token_ids.saturating_mul(BYTES_OF_TOKEN));
            if rail.limits.input_bytes.is_some_and(|most| bytes > most) {
                self.see(index, "input_size");
            }
            if rail.limits.attachments.is_some_and(|most| found.attachments > most) {
                self.see(index, "attachments");
            }
            for _ in 0..self.tools.get(&index).copied().unwrap_or_default() {
                self.see(index, "tool");
            }
            let acts = rail.action != Action::Monitor && rail.looks_at_text();
            if acts && found.token_ids > 0 && self.checked.unreadable.is_none() {
                self.checked.unreadable = Some(index);
                self.see_once(index, TOKEN_IDS);
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
        let mut edits = Vec::with_capacity(masks.len());
        for mask in masks {
            let Some(original) = spelled.text.get(mask.start..mask.end) else { continue };
            let restore = self.rails.get(mask.policy).is_some_and(|rail| rail.restore);
            let with = self.placeholders.name(mask.kind.name(), original, restore);
            edits.push(Edit { at: mask.start..mask.end, with });
        }
        spelled.splices(&edits, &mut self.splices);
        ControlFlow::Continue(())
    }

    /// What is masked is kept, so it has a bound; beyond it nothing passes, and there is no use in looking on.
    fn bound(&mut self, rail: u8, action: Option<Action>) -> ControlFlow<()> {
        self.acted += u32::from(!matches!(action, None | Some(Action::Monitor)));
        if self.acted <= MAX_FINDINGS {
            return ControlFlow::Continue(());
        }
        if self.checked.blocked.is_none() {
            self.checked.flooded = Some(rail);
            self.see_once(rail, TOO_MANY);
        }
        ControlFlow::Break(())
    }

    /// Counts a finding and says what becomes of it.
    fn see(&mut self, rail: u8, kind: &'static str) -> Option<Action> {
        let action = self.rails.get(rail)?.action;
        self.tally.add(Sighting { rail, kind, direction: Direction::Request });
        if action == Action::Block {
            self.checked.blocked.get_or_insert(rail);
        }
        Some(action)
    }

    fn see_once(&mut self, rail: u8, kind: &'static str) {
        self.tally.add(Sighting { rail, kind, direction: Direction::Request });
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

    fn checked(action: Action, addresses: u32) -> (Checked, Tally) {
        let detect =
            DetectorSpec { policy: "g".into(), action, kinds: vec!["email".into()], ..DetectorSpec::default() };
        let rails = Rails::load(&[Guardrail { detect, on_request: true, ..Guardrail::default() }], |_| None).unwrap();
        let text: String = (0..addresses).map(|number| format!("a{number}@b.co ")).collect();
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}"#).into_bytes();
        let (mut placeholders, mut tally) = (Placeholders::default(), Tally::default());
        let checked = check_request(&rails, Policies::from_iter([0]), &body, &mut placeholders, &mut tally).unwrap();
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
