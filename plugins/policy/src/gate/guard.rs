//! Guardrails on a request: findings that reject or mask it, and external checks. State for the answer is in
//! `guarding.rs`.

use super::guarding::Guarding;
use super::memory::overloaded;
use super::state::{Flow, Gate, Phase};
use crate::call::{Call, Timestamp};
use crate::effect::{Effect, Effects};
use crate::guard::{Answered, Checked, GuardedRequest, Guardrails, MAX_FINDINGS, Question, check_request, verdict};
use crate::memory::can_allocate;
use headgate_exchange::{
    BodyItem, Rejection, RequestScan, ScanError, Splices, StringSpans, Surface, scan_request, scan_request_and_strings,
    visit_request,
};
use headgate_guardrails::Policies;
use headgate_record::{Decision, Direction, Verdict};
use headgate_routing::Facts;
use std::sync::Arc;

/// Most texts of a request that external checks are asked about.
const MAX_TEXTS: usize = 1 << 18;

impl Gate {
    /// Looks through the request. `true` means that it has to wait for somebody else's answer.
    pub(super) fn guard_request(
        &mut self,
        mut draw: impl FnMut() -> u32,
        out: &mut Effects,
    ) -> Result<bool, Rejection> {
        if !self.call.policy.has_guardrails(self.stages) {
            return Ok(false);
        }
        let strings = std::mem::take(&mut self.guarding.strings);
        let guardrails = Arc::clone(&self.call.policy.guardrails);
        let applying = guardrails.applying(&guarded_request(&self.call));
        self.guarding.answer = applying.answer;
        if applying.request.is_empty() {
            return Ok(false);
        }
        let checked = self.look_through(&guardrails, applying.request, &strings)?;
        self.decisions.extend(self.guarding.tally.decisions(&guardrails, Direction::Request));
        if let Some(index) = checked.blocked {
            return Err(Rejection::Guardrail { id: guardrails.id(index), answer: false });
        }
        if let Some(index) = checked.unreadable {
            return Err(Rejection::TokenIds { id: guardrails.id(index) });
        }
        if let Some(index) = checked.flooded {
            return Err(Rejection::TooManyFindings { id: guardrails.id(index), limit: MAX_FINDINGS, answer: false });
        }
        self.guarding.kept_bytes = self.guarding.placeholders.keep_originals();
        if !checked.splices.is_empty() {
            self.mask_request(&checked.splices)?;
        }
        self.ask_outside(&guardrails, applying.request, &mut draw, out)?;
        Ok(!self.guarding.pending_checks.is_empty())
    }

    /// Scans the body. Its strings are noted if guardrails may read them again; which ones apply is known later.
    pub(super) fn scan(&mut self) -> Result<RequestScan, ScanError> {
        let surface = self.call.surface.unwrap_or(Surface::ChatCompletions);
        if !self.call.policy.guards_requests(self.stages) {
            return scan_request(surface, &self.call.body);
        }
        let (scan, strings) = scan_request_and_strings(surface, &self.call.body)?;
        self.guarding.strings = strings;
        Ok(scan)
    }

    fn look_through(
        &mut self,
        guardrails: &Guardrails,
        set: Policies,
        strings: &StringSpans,
    ) -> Result<Checked, Rejection> {
        let body = &self.call.body;
        if !Self::room_to_examine(body) {
            return Err(overloaded());
        }
        // The scan has read this body: it is JSON.
        let Guarding { placeholders, tally, .. } = &mut self.guarding;
        check_request(guardrails, set, (body, strings), placeholders, tally).ok_or(Rejection::Misconfigured)
    }

    /// The body that every try starts from is the masked one.
    fn mask_request(&mut self, splices: &Splices) -> Result<(), Rejection> {
        let masked = splices.len_after(self.call.body.len()) as u64;
        if !can_allocate(masked) {
            return Err(overloaded());
        }
        self.hold_request(masked.saturating_add(self.guarding.kept_bytes))?;
        let call = &mut self.call;
        call.body = splices.apply(&call.body);
        self.changed_body = true;
        let surface = call.surface.unwrap_or(Surface::ChatCompletions);
        let scan = scan_request(surface, &call.body).map_err(Rejection::BadBody)?;
        call.scan = Some(scan);
        Ok(())
    }

    fn ask_outside(
        &mut self,
        guardrails: &Guardrails,
        set: Policies,
        draw: &mut impl FnMut() -> u32,
        out: &mut Effects,
    ) -> Result<(), Rejection> {
        let questions = set
            .iter()
            .filter(|index| guardrails.get(*index).is_some_and(|guardrail| guardrail.external.is_some()))
            .count();
        if questions > 0 && !self.room_to_ask(questions) {
            return Err(overloaded());
        }
        let mut texts: Option<Vec<String>> = None;
        for index in set.iter() {
            let Some((guardrail, external)) =
                guardrails.get(index).and_then(|guardrail| Some((guardrail, guardrail.external.as_ref()?)))
            else {
                continue;
            };
            if !external.samples(draw()) {
                continue;
            }
            if external.unusable {
                self.outside_says(guardrails, index, Answered::Nothing)?;
                continue;
            }
            let call = &self.call;
            let texts = match &mut texts {
                Some(texts) => texts,
                none => none.insert(copied_texts(&call.body)?),
            };
            let question = Question {
                guardrail: &guardrail.id,
                request_id: &call.id.to_text(),
                model: call.model().unwrap_or_default(),
                texts,
            };
            out.push(Effect::Call(external.ask(u32::from(index), question)));
            self.guarding.pending_checks.push(index);
        }
        Ok(())
    }

    /// The answer to [`Effect::Call`] with this number: status and body, or `None` if there is none.
    pub fn call_done(&mut self, number: u32, answer: Option<(u16, &[u8])>, now: Timestamp, out: &mut Effects) -> Flow {
        match self.phase {
            Phase::AwaitingChecks => {}
            Phase::Sent => return Flow::Continue,
            _ => return Flow::Answered,
        }
        let Some(at) = self.guarding.pending_checks.iter().position(|index| u32::from(*index) == number) else {
            return Flow::Pause;
        };
        let index = self.guarding.pending_checks.swap_remove(at);
        let guardrails = Arc::clone(&self.call.policy.guardrails);
        let external = guardrails.get(index).and_then(|guardrail| guardrail.external.as_ref());
        let said = external.map_or(Answered::Nothing, |external| external.read(answer));
        if let Err(rejection) = self.outside_says(&guardrails, index, said) {
            return self.reject(rejection, out);
        }
        if !self.guarding.pending_checks.is_empty() {
            return Flow::Pause;
        }
        self.send(now, out);
        Flow::Continue
    }

    fn outside_says(&mut self, guardrails: &Guardrails, index: u8, said: Answered) -> Result<(), Rejection> {
        let Some(guardrail) = guardrails.get(index) else { return Ok(()) };
        let id = guardrail.id.clone();
        let passes = guardrail.external.as_ref().is_some_and(|external| external.allows_unreachable());
        let (verdict, reason, outcome) = match said {
            Answered::Clean => (Verdict::Allow, None, Ok(())),
            Answered::Nothing if passes => (Verdict::Allow, Some("unreachable".to_owned()), Ok(())),
            Answered::Nothing => {
                let rejection = Rejection::GuardrailUnreachable { id: id.clone() };
                (Verdict::Deny, Some("unreachable".to_owned()), Err(rejection))
            }
            Answered::Flagged(kind) => {
                let verdict = verdict(guardrail.action);
                let rejection = Rejection::Guardrail { id: id.clone(), answer: false };
                (verdict, Some(kind), if verdict == Verdict::Monitor { Ok(()) } else { Err(rejection) })
            }
        };
        self.decisions.push(Decision {
            stage: "guardrails".to_owned(),
            policy_id: Some(id),
            verdict,
            direction: Some(Direction::Request),
            reason,
            ..Decision::default()
        });
        outcome
    }
}

pub(super) fn guarded_request(call: &Call) -> GuardedRequest<'_> {
    GuardedRequest {
        key_id: call.key_id(),
        team: call.team(),
        model: call.model().unwrap_or_default(),
        surface: call.surface,
    }
}

/// Returns a copy of each text of the body, as external checks are asked about them. A text of one byte costs much more
/// than that in a list, so their number is bounded.
fn copied_texts(body: &[u8]) -> Result<Vec<String>, Rejection> {
    let (mut texts, mut more) = (Vec::new(), false);
    let found = visit_request(body, &mut |seen| match seen {
        BodyItem::Text(_) if texts.len() >= MAX_TEXTS => more = true,
        BodyItem::Text(text) => texts.push(text.unescaped_text().text.into_owned()),
        BodyItem::Tool(_) => {}
    });
    if more {
        return Err(Rejection::TooManyTexts);
    }
    found.map(|_| texts).ok_or(Rejection::Misconfigured)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(texts: usize) -> Vec<u8> {
        let texts = vec![r#""a""#; texts].join(",");
        format!(r#"{{"model":"m","input":[{texts}]}}"#).into_bytes()
    }

    #[test]
    fn external_checks_take_so_many_texts() {
        assert_eq!(copied_texts(&body(MAX_TEXTS)).unwrap().len(), MAX_TEXTS);
        assert!(matches!(copied_texts(&body(MAX_TEXTS + 1)), Err(Rejection::TooManyTexts)));
        assert!(matches!(copied_texts(b"{"), Err(Rejection::Misconfigured)));
    }
}
