//! Guardrails on the way in and out: what stops an exchange, what is replaced in it, who else is asked about it.

use super::{Flow, Gate, Phase};
use crate::call::Moment;
use crate::effect::{Effect, Effects};
use crate::guard::{AnswerGuard, Answered, Checked, Placeholders, Question, Rails, Tally, check_request, verdict};
use headgate_exchange::{GuardedStream, Halt, Passage, Rejection, Splices, Surface, request_texts, scan_request};
use headgate_guardrails::Policies;
use headgate_record::{Decision, Direction, Verdict};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What the gate keeps of its guardrails.
#[derive(Debug, Default)]
pub(super) struct Guarding {
    /// Those that look at the answer.
    answer: Policies,
    placeholders: Placeholders,
    tally: Tally,
    /// Guardrails whose outside answer is not there yet.
    asking: Vec<u8>,
    way: Way,
}

/// How the answer is guarded.
#[derive(Debug, Default)]
enum Way {
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
        if !checked.splices.is_empty() {
            self.mask_request(&checked.splices)?;
        }
        self.ask_outside(&rails, applying.request, &mut draw, out)?;
        Ok(!self.guarding.asking.is_empty())
    }

    fn look_through(&mut self, rails: &Rails, set: Policies) -> Result<Checked, Rejection> {
        let call = self.call.borrow();
        // The scan has read this body: it is JSON.
        let (Some(scan), Some(texts)) = (&call.scan, request_texts(&call.body)) else {
            return Err(Rejection::Misconfigured);
        };
        let Guarding { placeholders, tally, .. } = &mut self.guarding;
        Ok(check_request(rails, set, scan, &texts, placeholders, tally))
    }

    /// The body that every try starts from is the masked one.
    fn mask_request(&mut self, splices: &Splices) -> Result<(), Rejection> {
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
            let texts = texts.get_or_insert_with(|| {
                let found = request_texts(&call.body).unwrap_or_default();
                found.texts.iter().map(|text| text.spelled().text.into_owned()).collect()
            });
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

    /// Decides how the body of an answer that now begins is guarded, or refuses one that cannot be.
    pub(super) fn guard_answer(&mut self, encoded: bool, event_stream: bool, out: &mut Effects) {
        let speaks = self.call.borrow().surface.is_some_and(Surface::generates);
        let succeeded = (200..300).contains(&self.status);
        let set = self.guarding.answer;
        if !speaks || !succeeded || (set.is_empty() && !self.guarding.placeholders.restores()) {
            return;
        }
        let rails = Rc::clone(&self.call.borrow().policy.rails);
        if encoded {
            let Some(index) = rails.first_that_acts(set) else { return };
            out.push(Effect::RemoveResponseHeader(Cow::Borrowed("content-encoding")));
            self.reword(Rejection::UnreadableAnswer { id: rails.id(index) }, out);
            return;
        }
        let guard = AnswerGuard::new(&rails, set, std::mem::take(&mut self.guarding.placeholders));
        let strict = guard.strict().is_some();
        if event_stream {
            out.push(Effect::RemoveResponseHeader(Cow::Borrowed("content-length")));
            self.guarding.way = Way::Stream(Box::new((GuardedStream::new(strict), guard)));
        } else {
            self.guarding.way = Way::Whole(Box::new(guard));
        }
    }

    /// Whether the response is to be held, headers and all, until its body is whole.
    #[must_use]
    pub fn holds_response(&self) -> bool {
        self.phase == Phase::Sent && matches!(self.guarding.way, Way::Whole(_))
    }

    /// More of a held response is there, `buffered` bytes so far. `false` lets it go: it has been refused, or nothing
    /// depends on reading it.
    pub fn response_body_grows(&mut self, buffered: u64, now: Moment, out: &mut Effects) -> bool {
        if buffered > 0 && self.first_byte.is_none() {
            self.first_byte = Some(now);
        }
        if !self.holds_response() || buffered <= self.max_request_bytes() {
            return self.holds_response();
        }
        self.response_bytes = buffered;
        let Way::Whole(guard) = std::mem::take(&mut self.guarding.way) else { return false };
        if let Some(index) = guard.strict() {
            self.refuse_answer(self.unreadable(index), out);
            out.push(Effect::EndStream);
        }
        false
    }

    fn unreadable(&self, index: u8) -> Rejection {
        Rejection::UnreadableAnswer { id: self.call.borrow().policy.rails.id(index) }
    }

    /// A held answer that is whole now.
    pub(super) fn guard_whole(&mut self, body: &[u8], out: &mut Effects) {
        let Way::Whole(guard) = &mut self.guarding.way else { return };
        match guard.whole(body) {
            Ok(splices) if splices.is_empty() => {}
            Ok(splices) => {
                let changed = splices.apply(body);
                out.push(Effect::SetResponseHeader("content-length", Cow::Owned(changed.len().to_string())));
                out.push(Effect::ReplaceChunk(changed));
            }
            Err(halt) => {
                if let Some(rejection) = self.halted(halt) {
                    self.refuse_answer(rejection, out);
                }
            }
        }
    }

    /// A chunk of a guarded stream, of which the usage reader lets `passage` pass.
    pub(super) fn guard_chunk(&mut self, chunk: &[u8], passage: Passage, last: bool, out: &mut Effects) {
        let mut passed = Vec::with_capacity(chunk.len());
        let outcome = match &mut self.guarding.way {
            Way::Stream(way) => {
                let (stream, guard) = &mut **way;
                let bytes = match &passage {
                    Passage::AsIs => chunk,
                    Passage::Replace(bytes) => bytes,
                };
                let outcome = stream.push(bytes, last, guard, &mut passed);
                if guard.only_watches() { None } else { Some(outcome) }
            }
            _ => None,
        };
        match (outcome, passage) {
            (Some(Err(halt)), _) => {
                if let Some(rejection) = self.halted(halt) {
                    self.cut(rejection, passed, out);
                }
            }
            (Some(Ok(())), _) if passed == chunk => {}
            (Some(Ok(())), _) => out.push(Effect::ReplaceChunk(passed)),
            (None, Passage::Replace(bytes)) => out.push(Effect::ReplaceChunk(bytes)),
            (None, Passage::AsIs) => {}
        }
    }

    fn halted(&self, halt: Halt) -> Option<Rejection> {
        let guard = self.answer_guard()?;
        match halt {
            Halt::Blocked => {
                let id = self.call.borrow().policy.rails.id(guard.blocked?);
                Some(Rejection::Guardrail { id, answer: true })
            }
            Halt::Unreadable => Some(self.unreadable(guard.strict()?)),
        }
    }

    fn answer_guard(&self) -> Option<&AnswerGuard> {
        match &self.guarding.way {
            Way::Open => None,
            Way::Whole(guard) => Some(guard),
            Way::Stream(way) => Some(&way.1),
        }
    }

    /// What the guardrails did, for the record: decisions on the answer, and counts of what was masked.
    pub(super) fn guarded(&mut self) -> BTreeMap<String, u32> {
        let rails = Rc::clone(&self.call.borrow().policy.rails);
        let mut redactions = self.guarding.tally.redactions(&rails);
        let Some(guard) = self.answer_guard() else { return redactions };
        let decisions: Vec<Decision> = guard.tally.decisions(&rails, Direction::Response).collect();
        for (kind, count) in guard.tally.redactions(&rails) {
            let total = redactions.entry(kind).or_default();
            *total = total.saturating_add(count);
        }
        self.decisions.extend(decisions);
        redactions
    }
}
