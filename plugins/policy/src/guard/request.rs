//! A request under guard: its limits, its tools, and every text of it.

use super::{FindingKey, Guardrails, Placeholders, Tally};
use crate::document::Action;
use headgate_exchange::{BodyItem, Edit, Splice, Splices, StringSpans, Texts, WrittenText, visit_scanned_request};
use headgate_guardrails::{Finding, Policies};
use headgate_record::Direction;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Most findings of one request, and of one answer, that are blocked or masked. Each takes a few hundred bytes until the
/// exchange is over.
pub(crate) const MAX_FINDINGS: u32 = 10_000;
/// Bytes of text that one token id counts as.
const BYTES_OF_TOKEN: u64 = 4;
/// Reason on record of more findings than that.
pub(super) const TOO_MANY: &str = "too_many_findings";
/// Reason on record of a prompt that nobody can read.
pub(super) const TOKEN_IDS: &str = "token_ids";

/// The result of the checks.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// The guardrail that does not let it through.
    pub(crate) blocked: Option<u8>,
    /// The guardrail that would have to mask more than [`MAX_FINDINGS`].
    pub(crate) flooded: Option<u8>,
    /// The guardrail that has to read a prompt of token ids.
    pub(crate) unreadable: Option<u8>,
    /// The changes that mask.
    pub(crate) splices: Splices,
}

/// Looks for these guardrails' findings in a request, in which the scan has noted these strings; `None` if it is no JSON.
pub(crate) fn check_request(
    guardrails: &Guardrails,
    set: Policies,
    (body, strings): (&[u8], &StringSpans),
    placeholders: &mut Placeholders,
    tally: &mut Tally,
) -> Option<Checked> {
    let mut pass = Pass {
        guardrails,
        set,
        placeholders,
        tally,
        checked: Checked::default(),
        acted: 0,
        splices: Vec::new(),
        tools: BTreeMap::new(),
        over: false,
    };
    let found = visit_scanned_request(body, strings, &mut |seen| pass.see_piece(seen))?;
    pass.limits(&found);
    Some(Checked { splices: Splices::new(pass.splices), ..pass.checked })
}

struct Pass<'a> {
    guardrails: &'a Guardrails,
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
    fn see_piece(&mut self, seen: BodyItem<'_>) {
        match seen {
            BodyItem::Text(text) if !self.over => self.over = self.text(&text).is_break(),
            BodyItem::Text(_) => {}
            BodyItem::Tool(name) => self.tool(&name),
        }
    }

    fn tool(&mut self, name: &str) {
        for index in self.set.iter() {
            if self.guardrails.get(index).is_some_and(|guardrail| !guardrail.limits.allows_tool(name)) {
                let count = self.tools.entry(index).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    fn limits(&mut self, found: &Texts<'_>) {
        for index in self.set.iter() {
            let Some(guardrail) = self.guardrails.get(index) else { continue };
            // The text of an id is about four bytes long.
            let bytes = found.text_bytes.saturating_add(found.token_ids.saturating_mul(BYTES_OF_TOKEN));
            if guardrail.limits.input_bytes.is_some_and(|most| bytes > most) {
                self.see(index, "input_size");
            }
            if guardrail.limits.attachments.is_some_and(|most| found.attachments > most) {
                self.see(index, "attachments");
            }
            for _ in 0..self.tools.get(&index).copied().unwrap_or_default() {
                self.see(index, "tool");
            }
            let acts = guardrail.action != Action::Monitor && guardrail.looks_at_text();
            if acts && found.token_ids > 0 && self.checked.unreadable.is_none() {
                self.checked.unreadable = Some(index);
                self.see_once(index, TOKEN_IDS);
            }
        }
    }

    fn text(&mut self, written: &WrittenText<'_>) -> ControlFlow<()> {
        let spelled = written.unescaped_bytes();
        let mut masks: Vec<Finding> = Vec::new();
        let (guardrails, set) = (self.guardrails, self.set);
        guardrails.guard.look_through(&spelled.text, set, |finding| {
            let action = self.see(finding.policy, finding.kind.name());
            if action == Some(Action::Mask) {
                join(&mut masks, finding);
            }
            self.bound(finding.policy, action)
        })?;
        let mut edits = Vec::with_capacity(masks.len());
        for mask in masks {
            let original = spelled.text.get(mask.start..mask.end);
            let Some(original) = original.and_then(|bytes| std::str::from_utf8(bytes).ok()) else { continue };
            let restore = self.guardrails.get(mask.policy).is_some_and(|guardrail| guardrail.restore);
            let with = self.placeholders.name(mask.kind.name(), original, restore);
            edits.push(Edit { at: mask.start..mask.end, with });
        }
        spelled.splices(&edits, &mut self.splices);
        ControlFlow::Continue(())
    }

    /// Masked findings are kept, so their number has a bound. Beyond it the request is rejected without a further look.
    fn bound(&mut self, guardrail: u8, action: Option<Action>) -> ControlFlow<()> {
        self.acted += u32::from(!matches!(action, None | Some(Action::Monitor)));
        if self.acted <= MAX_FINDINGS {
            return ControlFlow::Continue(());
        }
        if self.checked.blocked.is_none() {
            self.checked.flooded = Some(guardrail);
            self.see_once(guardrail, TOO_MANY);
        }
        ControlFlow::Break(())
    }

    /// Counts a finding and returns the action on it.
    fn see(&mut self, guardrail: u8, kind: &'static str) -> Option<Action> {
        let action = self.guardrails.get(guardrail)?.action;
        self.tally.add(FindingKey { guardrail, kind, direction: Direction::Request });
        if action == Action::Block {
            self.checked.blocked.get_or_insert(guardrail);
        }
        Some(action)
    }

    fn see_once(&mut self, guardrail: u8, kind: &'static str) {
        self.tally.add(FindingKey { guardrail, kind, direction: Direction::Request });
    }
}

/// Adds a finding to those before it; overlapping findings become one.
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
        let guardrails =
            Guardrails::load(&[Guardrail { detect, on_request: true, ..Guardrail::default() }], |_| None).unwrap();
        let text: String = (0..addresses).map(|number| format!("a{number}@b.co ")).collect();
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}"#).into_bytes();
        let (mut placeholders, mut tally) = (Placeholders::default(), Tally::default());
        let body = (body.as_slice(), &StringSpans::default());
        let checked =
            check_request(&guardrails, Policies::from_iter([0]), body, &mut placeholders, &mut tally).unwrap();
        (checked, tally)
    }

    #[test]
    fn masking_stops_at_its_bound_and_refuses() {
        let (within, _) = checked(Action::Mask, MAX_FINDINGS);
        assert!(within.flooded.is_none() && within.splices.list().len() == MAX_FINDINGS as usize);
        let (beyond, tally) = checked(Action::Mask, MAX_FINDINGS + 1);
        assert_eq!((beyond.flooded, beyond.blocked), (Some(0), None));
        assert!(tally.redactions(&Guardrails::load(&[], |_| None).unwrap()).is_empty());
    }

    #[test]
    fn blocking_and_watching_need_no_bound() {
        let (blocked, _) = checked(Action::Block, MAX_FINDINGS * 2);
        assert_eq!((blocked.flooded, blocked.blocked), (None, Some(0)));
        let (watched, _) = checked(Action::Monitor, MAX_FINDINGS * 2);
        assert_eq!((watched.flooded, watched.blocked), (None, None));
    }
}
