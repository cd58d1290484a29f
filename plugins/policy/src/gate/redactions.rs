//! Guardrails on the way out: an answer is held, guarded as it passes, or refused because nobody can read it.

use super::guarding::GuardMode;
use super::state::{Gate, Phase};
use crate::call::Timestamp;
use crate::effect::{Effect, Effects};
use crate::guard::{AnswerGuard, MAX_FINDINGS};
use crate::memory::can_allocate;
use headgate_exchange::{GuardedStream, Halt, Passage, Rejection, Surface};
use headgate_record::{Decision, Direction};
use std::borrow::Cow;
use std::collections::BTreeMap;

impl Gate {
    /// Decides how the body of an answer that now begins is guarded, or refuses one that cannot be.
    pub(super) fn guard_answer(&mut self, encoded: bool, event_stream: bool, out: &mut Effects) {
        let generates = self.call.surface.is_some_and(Surface::generates);
        let succeeded = (200..300).contains(&self.status);
        let set = self.guarding.answer;
        if !generates || !succeeded || (set.is_empty() && !self.guarding.placeholders.restores()) {
            return;
        }
        let guardrails = &self.call.policy.guardrails;
        if encoded {
            let Some(index) = guardrails.first_that_acts(set) else { return };
            out.push(Effect::RemoveResponseHeader(Cow::Borrowed("content-encoding")));
            self.reword(Rejection::UnreadableAnswer { id: guardrails.id(index) }, out);
            return;
        }
        let guard = AnswerGuard::new(guardrails, set, std::mem::take(&mut self.guarding.placeholders));
        let strict = guard.strict().is_some();
        if event_stream {
            out.push(Effect::RemoveResponseHeader(Cow::Borrowed("content-length")));
            self.guarding.mode = GuardMode::Stream(Box::new((GuardedStream::new(strict), guard)));
        } else {
            self.guarding.mode = GuardMode::Whole(Box::new(guard));
        }
    }

    /// Whether the response is to be held, headers and all, until its body is whole.
    #[must_use]
    pub fn holds_response(&self) -> bool {
        self.phase == Phase::Sent && matches!(self.guarding.mode, GuardMode::Whole(_))
    }

    /// Whether the provider's answer is replaced by one of the gateway, in whole: nothing of it passes, and it ends in order.
    #[must_use]
    pub fn replaces_answer(&self) -> bool {
        self.phase == Phase::RewrittenLocalReply
    }

    /// More of a held response is there, `buffered` bytes so far. `false` lets it go: it has been refused, or nothing
    /// depends on reading it.
    pub fn response_body_grows(&mut self, buffered: u64, now: Timestamp, out: &mut Effects) -> bool {
        if buffered > 0 && self.first_byte.is_none() {
            self.first_byte = Some(now);
        }
        if !self.holds_response() {
            return false;
        }
        if buffered <= self.max_request_bytes() {
            if self.hold_answer(buffered) {
                return true;
            }
            self.response_bytes = buffered;
            return self.let_go_of_large_answer(out);
        }
        self.response_bytes = buffered;
        self.hold_answer(0);
        let GuardMode::Whole(guard) = std::mem::take(&mut self.guarding.mode) else { return false };
        if let Some(index) = guard.strict() {
            self.refuse_answer(self.unreadable(index), out);
            out.push(Effect::EndStream);
        }
        false
    }

    /// There is no room to keep more of a held answer. One that only watchers wait for passes unread.
    fn let_go_of_large_answer(&mut self, out: &mut Effects) -> bool {
        self.hold_answer(0);
        if self.answer_guard().is_some_and(AnswerGuard::only_watches) {
            self.guarding.mode = GuardMode::Open;
        } else {
            self.refuse_large_answer(out);
        }
        false
    }

    fn unreadable(&self, index: u8) -> Rejection {
        Rejection::UnreadableAnswer { id: self.call.policy.guardrails.id(index) }
    }

    /// A held answer that is whole now.
    pub(super) fn guard_whole(&mut self, body: &[u8], out: &mut Effects) {
        let room = Self::room_to_examine(body);
        self.hold_answer(0);
        let GuardMode::Whole(guard) = &mut self.guarding.mode else { return };
        if !room {
            if !guard.only_watches() {
                self.refuse_answer(super::memory::overloaded(), out);
            }
            return;
        }
        match guard.whole(body) {
            Ok(splices) if splices.is_empty() => {}
            Ok(splices) => {
                if !can_allocate(splices.len_after(body.len()) as u64) {
                    return self.refuse_answer(super::memory::overloaded(), out);
                }
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
        let outcome = match &mut self.guarding.mode {
            GuardMode::Stream(pair) => {
                let (stream, guard) = &mut **pair;
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
                let id = |index| self.call.policy.guardrails.id(index);
                let blocked = guard.blocked.map(|index| Rejection::Guardrail { id: id(index), answer: true });
                let flooded = guard.flooded.map(|index| Rejection::TooManyFindings {
                    id: id(index),
                    limit: MAX_FINDINGS,
                    answer: true,
                });
                blocked.or(flooded)
            }
            Halt::Unreadable if guard.overflowed => Some(super::memory::overloaded()),
            Halt::Unreadable => Some(self.unreadable(guard.strict()?)),
        }
    }

    pub(super) fn answer_guard(&self) -> Option<&AnswerGuard> {
        match &self.guarding.mode {
            GuardMode::Open => None,
            GuardMode::Whole(guard) => Some(guard),
            GuardMode::Stream(pair) => Some(&pair.1),
        }
    }

    /// Returns the counts of masked findings for the record, and notes the decisions on the answer.
    pub(super) fn redactions(&mut self) -> BTreeMap<String, u32> {
        let guardrails = &self.call.policy.guardrails;
        let mut redactions = self.guarding.tally.redactions(guardrails);
        let Some(guard) = self.answer_guard() else { return redactions };
        let decisions: Vec<Decision> = guard.tally.decisions(guardrails, Direction::Response).collect();
        for (kind, count) in guard.tally.redactions(guardrails) {
            let total = redactions.entry(kind).or_default();
            *total = total.saturating_add(count);
        }
        self.decisions.extend(decisions);
        redactions
    }
}
