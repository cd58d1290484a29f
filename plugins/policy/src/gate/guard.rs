//! Guardrails on the way in: what stops a request, what is replaced in it, who else is asked about it. What the gate
//! keeps for the way out is here too.

use super::memory::overloaded;
use super::{Flow, Gate, Phase};
use crate::effect::{Effect, Effects};
use crate::guard::{
    AnswerGuard, Answered, Checked, MAX_FINDINGS, Placeholders, Question, Rails, Tally, check_request, verdict,
};
use crate::memory::can_allocate;
use headgate_exchange::{GuardedStream, Rejection, Seen, Splices, Surface, scan_request, visit_request};
use headgate_guardrails::Policies;
use headgate_record::{Decision, Direction, Verdict};
use std::rc::Rc;

/// What the gate keeps of its guardrails.
#[derive(Debug, Default)]
pub(super) struct Guarding {
    /// Those that look at the answer.
    pub(super) answer: Policies,
    pub(super) placeholders: Placeholders,
    pub(super) tally: Tally,
    /// Bytes of the originals that the answer may need.
    pub(super) kept_bytes: u64,
    /// Guardrails whose outside answer is not there yet.
    asking: Vec<u8>,
    pub(super) way: Way,
}

/// Most texts of a request that external checks are asked about.
const MAX_TEXTS: usize = 1 << 18;

/// How the answer is guarded.
#[derive(Debug, Default)]
pub(super) enum Way {
    /// Not at all.
    #[default]
    Open,
    /// It is held until it is whole.
    Whole(Box<AnswerGuard>),
    /// As it passes.
    Stream(Box<(GuardedStream, AnswerGuard)>),
}

impl Gate {
    /// Looks through the request. `true` means that it has to wait for somebody else's answer.
    pub(super) fn guard_request(
        &mut self,
        mut draw: impl FnMut() -> u32,
        out: &mut Effects,
    ) -> Result<bool, Rejection> {
        let rails = Rc::clone(&self.call.borrow().policy.rails);
        if rails.list.is_empty() {
            return Ok(false);
        }
        let applying = rails.applying(&self.call.borrow());
        self.guarding.answer = applying.answer;
        if applying.request.is_empty() {
            return Ok(false);
        }
        let checked = self.look_through(&rails, applying.request)?;
        self.decisions.extend(self.guarding.tally.decisions(&rails, Direction::Request));
        if let Some(index) = checked.blocked {
            return Err(Rejection::Guardrail { id: rails.id(index), answer: false });
        }
        if let Some(index) = checked.unreadable {
            return Err(Rejection::TokenIds { id: rails.id(index) });
        }
        if let Some(index) = checked.flooded {
            return Err(Rejection::TooManyFindings { id: rails.id(index), limit: MAX_FINDINGS, answer: false });
        }
        self.guarding.kept_bytes = self.guarding.placeholders.keep_originals();
        if !checked.splices.is_empty() {
            self.mask_request(&checked.splices)?;
        }
        self.ask_outside(&rails, applying.request, &mut draw, out)?;
        Ok(!self.guarding.asking.is_empty())
    }

    fn look_through(&mut self, rails: &Rails, set: Policies) -> Result<Checked, Rejection> {
        let call = self.call.borrow();
        if !Self::room_to_examine(&call.body) {
            return Err(overloaded());
        }
        // The scan has read this body: it is JSON.
        let Guarding { placeholders, tally, .. } = &mut self.guarding;
        check_request(rails, set, &call.body, placeholders, tally).ok_or(Rejection::Misconfigured)
    }

    /// The body that every try starts from is the masked one.
    fn mask_request(&mut self, splices: &Splices) -> Result<(), Rejection> {
        let masked = splices.len_after(self.call.borrow().body.len()) as u64;
        if !can_allocate(masked) {
            return Err(overloaded());
        }
        self.hold_request(masked.saturating_add(self.guarding.kept_bytes))?;
        let mut call = self.call.borrow_mut();
        call.body = splices.apply(&call.body);
        let surface = call.surface.unwrap_or(Surface::ChatCompletions);
        let scan = scan_request(surface, &call.body).map_err(Rejection::BadBody)?;
        call.scan = Some(scan);
        Ok(())
    }

    fn ask_outside(
        &mut self,
        rails: &Rails,
        set: Policies,
        draw: &mut impl FnMut() -> u32,
        out: &mut Effects,
    ) -> Result<(), Rejection> {
        let questions =
            set.iter().filter(|index| rails.get(*index).is_some_and(|rail| rail.external.is_some())).count();
        if questions > 0 && !self.room_to_ask(questions) {
            return Err(overloaded());
        }
        let mut texts: Option<Vec<String>> = None;
        for index in set.iter() {
            let Some((rail, external)) = rails.get(index).and_then(|rail| Some((rail, rail.external.as_ref()?))) else {
                continue;
            };
            if !external.samples(draw()) {
                continue;
            }
            if external.unusable {
                self.outside_says(rails, index, Answered::Nothing)?;
                continue;
            }
            let call = self.call.borrow();
            let texts = match &mut texts {
                Some(texts) => texts,
                none => none.insert(copied_texts(&call.body)?),
            };
            let question = Question {
                guardrail: &rail.id,
                request_id: &call.id.to_text(),
                model: call.alias().map_or("", |alias| alias.name.as_str()),
                texts,
            };
            out.push(Effect::Call(external.ask(u32::from(index), question)));
            self.guarding.asking.push(index);
        }
        Ok(())
    }

    /// The answer to [`Effect::Call`] with this number: status and body, or `None` if there is none.
    pub fn call_done(&mut self, number: u32, answer: Option<(u16, &[u8])>, out: &mut Effects) -> Flow {
        match self.phase {
            Phase::Asking => {}
            Phase::Sent => return Flow::Continue,
            _ => return Flow::Answered,
        }
        let Some(at) = self.guarding.asking.iter().position(|index| u32::from(*index) == number) else {
            return Flow::Hold;
        };
        let index = self.guarding.asking.swap_remove(at);
        let rails = Rc::clone(&self.call.borrow().policy.rails);
        let external = rails.get(index).and_then(|rail| rail.external.as_ref());
        let said = external.map_or(Answered::Nothing, |external| external.read(answer));
        if let Err(rejection) = self.outside_says(&rails, index, said) {
            return self.reject(rejection, out);
        }
        if !self.guarding.asking.is_empty() {
            return Flow::Hold;
        }
        self.phase = Phase::Sent;
        self.send(out);
        Flow::Continue
    }

    fn outside_says(&mut self, rails: &Rails, index: u8, said: Answered) -> Result<(), Rejection> {
        let Some(rail) = rails.get(index) else { return Ok(()) };
        let id = rail.id.clone();
        let passes = rail.external.as_ref().is_some_and(|external| external.allows_unreachable());
        let (verdict, reason, outcome) = match said {
            Answered::Clean => (Verdict::Allow, None, Ok(())),
            Answered::Nothing if passes => (Verdict::Allow, Some("unreachable".to_owned()), Ok(())),
            Answered::Nothing => {
                let rejection = Rejection::GuardrailUnreachable { id: id.clone() };
                (Verdict::Deny, Some("unreachable".to_owned()), Err(rejection))
            }
            Answered::Flagged(kind) => {
                let verdict = verdict(rail.action);
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

/// Returns a copy of each text of the body, as external checks are asked about them. A text of one byte costs much more
/// than that in a list, so their number is bounded.
fn copied_texts(body: &[u8]) -> Result<Vec<String>, Rejection> {
    let (mut texts, mut more) = (Vec::new(), false);
    let found = visit_request(body, &mut |seen| match seen {
        Seen::Text(_) if texts.len() >= MAX_TEXTS => more = true,
        Seen::Text(text) => texts.push(text.spelled().text.into_owned()),
        Seen::Tool(_) => {}
    });
    if more {
        return Err(Rejection::TooManyTexts);
    }
    found.map(|_| texts).ok_or(Rejection::Misconfigured)
}
