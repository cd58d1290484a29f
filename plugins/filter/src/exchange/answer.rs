//! The way of the answer through an exchange: passed on, held until it is whole, or paced by the tick.

use super::Exchange;
use crate::host::{self, Buffer, Headers};
use crate::pending_resumes;
use crate::worker::with_worker;
use headgate_policy::{Effect, HeaderView, ProxyAnswer, Timestamp};
use headgate_record::AttemptError;
use proxy_wasm::types::Action;

impl Exchange {
    pub(crate) fn response_headers(&mut self, whole: bool) -> Action {
        if !self.gate.routes() {
            return self.proxied_response_headers(whole);
        }
        let wanted = self.gate.wants_response_head();
        let encoded = if wanted { host::headers(Headers::Response).unwrap_or_default() } else { Vec::new() };
        let fields = host::decode_pairs(&encoded);
        let now = Timestamp(host::now_us());
        let (gate, effects) = (&mut self.gate, &mut self.effects);
        with_worker(|worker| {
            gate.response_headers(HeaderView::new(&fields), now, whole, worker.cooldowns(now.0), effects);
        });
        self.apply_effects();
        if self.gate.holds_response() { Action::Pause } else { Action::Continue }
    }

    /// The headers of an answer to a request that the proxy has routed.
    fn proxied_response_headers(&mut self, whole: bool) -> Action {
        if self.gate.wants_response_head() {
            let encoded = host::headers(Headers::Response).unwrap_or_default();
            let fields = host::decode_pairs(&encoded);
            let (head, now) = (HeaderView::new(&fields), Timestamp(host::now_us()));
            self.gate.proxied_response_headers(head, proxy_answer(), now, whole, &mut self.effects);
            self.apply_effects();
        }
        if self.gate.holds_response() { Action::Pause } else { Action::Continue }
    }

    pub(crate) fn response_body(&mut self, size: usize, last: bool) -> Action {
        if self.paced.is_some() || self.gate.paces_response() {
            return self.paced_chunk(size, last);
        }
        if self.ending {
            let _ = host::replace_buffer(Buffer::ResponseBody, b"");
            let _ = host::reset_response();
            return Action::Continue;
        }
        if self.gate.holds_response() && !last {
            return self.response_grows(size);
        }
        self.response_chunk(size, last);
        Action::Continue
    }

    pub(crate) fn response_trailers(&mut self) -> Action {
        if self.paced.is_some() {
            return self.paced_trailers();
        }
        if self.gate.holds_response() {
            // The body's last chunk did not say that it was the last.
            self.response_chunk(self.response_buffered, true);
        }
        let resets = self.gate.response_trailers(false, Timestamp(host::now_us()), &mut self.effects);
        self.apply_effects();
        if resets { Action::Pause } else { Action::Continue }
    }

    /// A held response: it waits for the rest of its body, unless it need not any more.
    fn response_grows(&mut self, size: usize) -> Action {
        self.response_buffered = size;
        let now = Timestamp(host::now_us());
        let holds = self.gate.response_body_grows(size as u64, now, &mut self.effects);
        self.apply_effects();
        if holds { Action::Pause } else { Action::Continue }
    }

    fn response_chunk(&mut self, size: usize, last: bool) {
        let wanted = self.gate.wants_response_body() && size > 0;
        let chunk = if wanted { host::buffer(Buffer::ResponseBody, size) } else { Ok(Vec::new()) };
        match chunk {
            Err(host::NO_ROOM) => self.gate.response_out_of_memory(last, &mut self.effects),
            chunk => {
                let chunk = chunk.unwrap_or_default();
                self.gate.response_body(&chunk, last, Timestamp(host::now_us()), &mut self.effects);
            }
        }
        self.apply_effects();
    }

    /// A chunk of a paced response. The buffer begins with bytes of earlier chunks that are still paused.
    fn paced_chunk(&mut self, size: usize, last: bool) -> Action {
        let buffer = host::buffer(Buffer::ResponseBody, size);
        let no_room = buffer == Err(host::NO_ROOM);
        let buffer = buffer.unwrap_or_default();
        let (paused, chunk) = buffer.split_at_checked(self.paused_bytes()).unwrap_or_default();
        if self.ending {
            self.effects.push(Effect::ReplaceChunk(Vec::new()));
        } else if no_room {
            self.gate.response_out_of_memory(last, &mut self.effects);
        } else {
            self.gate.response_body(chunk, last, Timestamp(host::now_us()), &mut self.effects);
        }
        let length = self.write_behind(paused).unwrap_or(size);
        self.pause_response(length, last)
    }

    /// Bytes at the beginning of the buffer that have been decided on.
    fn paused_bytes(&self) -> usize {
        self.paced.filter(|_| pending_resumes::is_pending(self.context)).unwrap_or(0)
    }

    /// Applies the effects, of which one may replace the bytes behind `paused`. Returns the length of a buffer that changed.
    fn write_behind(&mut self, paused: &[u8]) -> Option<usize> {
        let at = self.effects.iter().position(|effect| matches!(effect, Effect::ReplaceChunk(_)));
        let replacement = at.map(|at| self.effects.remove(at));
        self.apply_effects();
        let Some(Effect::ReplaceChunk(bytes)) = replacement else { return None };
        let all = [paused, bytes.as_slice()].concat();
        let _ = host::replace_buffer(Buffer::ResponseBody, &all);
        Some(all.len())
    }

    /// Pauses the response until the next tick. The first chunk must not be empty: the host has no buffer for such a one.
    fn pause_response(&mut self, length: usize, last: bool) -> Action {
        if self.paced.is_none() && length == 0 {
            return Action::Continue;
        }
        self.paced = Some(length);
        if length > 0 || last {
            pending_resumes::begin(self.context);
        }
        Action::Pause
    }

    /// The trailers of a paced response: held text goes before them.
    fn paced_trailers(&mut self) -> Action {
        let is_paused = pending_resumes::is_pending(self.context);
        let paused = match self.paused_bytes() {
            0 => Vec::new(),
            size => host::buffer(Buffer::ResponseBody, size).unwrap_or_default(),
        };
        self.gate.response_trailers(true, Timestamp(host::now_us()), &mut self.effects);
        let written = self.write_behind(&paused);
        if is_paused || written.is_none_or(|length| length == 0) {
            pending_resumes::forget(self.context);
            return Action::Continue;
        }
        pending_resumes::begin(self.context);
        Action::Pause
    }
}

/// Envoy's words for an answer that a provider has sent.
const FROM_PROVIDER: &[u8] = b"via_upstream";

/// Envoy's response flags of a try that has failed, with their meaning: upstream request timeout (UT), connection failure (UF),
/// remote reset (UR), connection termination (UC), protocol error (UPE).
const FAILURES: [(u64, AttemptError); 5] = [
    (0x4, AttemptError::Timeout),
    (0x20, AttemptError::Connect),
    (0x10, AttemptError::Reset),
    (0x40, AttemptError::Reset),
    (0x80_0000, AttemptError::Reset),
];

/// Returns what the proxy tells of an answer.
fn proxy_answer() -> ProxyAnswer {
    let from_provider = host::property("response\0code_details").is_ok_and(|details| details == FROM_PROVIDER);
    let tries = host::property("upstream\0request_attempt_count").unwrap_or_default();
    let tries = tries.first_chunk().map_or(1, |bytes| u64::from_le_bytes(*bytes));
    let flags = if from_provider { 0 } else { host::response_flags() };
    let failure = FAILURES.into_iter().find(|(flag, _)| flags & flag != 0).map(|(_, failure)| failure);
    ProxyAnswer { from_provider, tries: u32::try_from(tries).unwrap_or(u32::MAX), failure }
}
