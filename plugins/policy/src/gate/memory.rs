//! The VM memory that a request may take, and the rejection when there is no more.
//!
//! Counted are the bytes of an upload as they come (they wait in the proxy and then come into the VM in one copy), the
//! body while a try may still need it, the originals of masked values, and an answer that waits for its guardrail.
//! Memory that a single step takes for itself is not counted but asked for just before, see [`can_allocate`].

use super::guarding::GuardMode;
use super::state::{Flow, Gate, Phase};
use crate::effect::{Effect, Effects};
use crate::guard::AnswerGuard;
use crate::memory::{Memory, can_allocate};
use headgate_exchange::{Rejection, StringSpans};

/// Bytes that every open request counts as: its context, its call, its headers and its record to be.
const REQUEST_BYTES: u64 = 8 << 10;
/// Requests and answers beyond this size may not take the last of the memory.
const SMALL_BYTES: u64 = 256 << 10;
/// Memory is given back as requests end; most end within a second.
const RETRY_AFTER_S: u64 = 1;
/// Of each byte of a body that guardrails look through: unescaped, masked, and the copy that both are made from.
const EXAMINED: u64 = 4;
/// Bytes of the note of each escape in it, in a list that doubles as it grows.
const ESCAPE_BYTES: u64 = 64;
/// Most texts of a body and most findings that are kept of it take no more than this.
const FINDINGS_BYTES: u64 = 48 << 20;

impl Gate {
    /// Counts this request's bytes together with those of others in the same VM.
    #[must_use]
    pub fn in_memory(mut self, memory: &Memory) -> Self {
        self.held_request = memory.hold();
        self.held_answer = memory.hold();
        self
    }

    /// The level to which memory may fill for something of this size. Large ones leave an eighth to small ones, so that uploads that
    /// fill the memory do not shut out everybody.
    fn limit_for(&self, bytes: u64) -> u64 {
        let all = self.call.policy.max_memory;
        if bytes > SMALL_BYTES { all.saturating_sub(all / 8) } else { all }
    }

    /// Counts `bytes` for the request: its body, or the part of it that is kept.
    pub(super) fn hold_request(&mut self, bytes: u64) -> Result<(), Rejection> {
        let limit = self.limit_for(bytes);
        let held = self.held_request.set(bytes.saturating_add(REQUEST_BYTES), limit);
        if held { Ok(()) } else { Err(overloaded()) }
    }

    /// Whether an announced body has a chance. It is not counted before it comes: announcing costs a client nothing.
    pub(super) fn expect_request(&mut self, announced: u64) -> Result<(), Rejection> {
        self.hold_request(0)?;
        let fits = self.held_request.could_hold(announced.saturating_add(REQUEST_BYTES), self.limit_for(announced));
        if fits { Ok(()) } else { Err(overloaded()) }
    }

    /// The body is not needed any more; originals that are to be put back are.
    pub(super) fn release_request(&mut self) {
        self.call.release_body();
        self.guarding.strings = StringSpans::default();
        let kept = self.guarding.kept_bytes;
        let limit = self.limit_for(kept);
        self.held_request.set(kept.saturating_add(REQUEST_BYTES), limit);
    }

    /// Whether there is room to look through this body.
    pub(super) fn room_to_examine(body: &[u8]) -> bool {
        let escapes = memchr::memchr_iter(b'\\', body).count() as u64;
        let text = (body.len() as u64).saturating_mul(EXAMINED);
        can_allocate(text.saturating_add(escapes.saturating_mul(ESCAPE_BYTES)).saturating_add(FINDINGS_BYTES))
    }

    /// Whether there is room to write its texts into so many questions.
    pub(super) fn room_to_ask(&self, questions: usize) -> bool {
        let texts = self.call.body.len() as u64;
        can_allocate(texts.saturating_mul((questions as u64).saturating_mul(2).saturating_add(2)))
    }

    /// Counts an answer that waits for its guardrail.
    pub(super) fn hold_answer(&mut self, bytes: u64) -> bool {
        let limit = self.limit_for(bytes);
        self.held_answer.set(bytes, limit)
    }

    /// The VM has no room for the body that is now whole: the request is refused.
    pub fn request_out_of_memory(&mut self, out: &mut Effects) -> Flow {
        self.reject(overloaded(), out)
    }

    /// The VM has no room for this chunk of the answer. It passes if nobody had to read it; else the answer ends.
    pub fn response_out_of_memory(&mut self, last: bool, out: &mut Effects) {
        self.response_whole |= last;
        if self.phase != Phase::Sent {
            out.push(Effect::ReplaceChunk(Vec::new()));
            return;
        }
        if self.answer_guard().is_none_or(AnswerGuard::only_watches) {
            return;
        }
        if matches!(self.guarding.mode, GuardMode::Whole(_)) {
            self.refuse_answer(overloaded(), out);
        } else {
            self.cut(overloaded(), Vec::new(), out);
        }
    }

    /// Refuses an answer that waits, because there is no room for it.
    pub(super) fn refuse_large_answer(&mut self, out: &mut Effects) {
        self.refuse_answer(overloaded(), out);
        out.push(Effect::EndStream);
    }
}

pub(super) fn overloaded() -> Rejection {
    Rejection::Overloaded { retry_after_s: RETRY_AFTER_S }
}
