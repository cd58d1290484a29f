//! The way of the answer through an exchange: passed on, held until it is whole, or paced by the tick.

use super::Exchange;
use crate::host::{Action, Body, Headers, NO_ROOM};
use crate::member::MemberHost;
use crate::pending_resumes;
use crate::sole::Direct;
use crate::worker::{apply, with_worker};
use headgate_policy::{Attempt, AttemptEnd, Effect, HeaderView, Timestamp};

impl Exchange {
    pub(crate) fn response_headers(&mut self, host: &impl MemberHost, whole: bool) -> Action {
        if !self.gate.routes() {
            return self.proxied_response_headers(host, whole);
        }
        let wanted = self.gate.wants_response_head();
        let now = Timestamp(host.now_us());
        let (gate, effects) = (&mut self.gate, &mut self.effects);
        let mut act = |head: HeaderView<'_>| {
            with_worker(host, |worker| {
                // Only an answer of the host's own asks for them.
                let cooldowns = if wanted { worker.cooldowns(host, now.0) } else { worker.last_cooldowns() };
                gate.response_headers(head, now, whole, cooldowns, effects);
            })
        };
        if wanted {
            host.with_headers(Headers::Response, act)
        } else {
            act(HeaderView::new(&[]))
        };
        self.apply_effects(host);
        if self.gate.holds_response() { Action::Pause } else { Action::Continue }
    }

    /// Answers with the gate's words for an answer of the proxy, which the host would not show it.
    pub(crate) fn answer_for_proxy(&mut self, host: &impl MemberHost, status: u16) {
        let (now, status) = (Timestamp(host.now_us()), status.to_string());
        let (gate, effects) = (&mut self.gate, &mut self.effects);
        // Its own context will find the request over.
        if let Some(mut attempt) = Attempt::last(gate.call()).filter(|attempt| attempt.is_unanswered(gate.call())) {
            attempt.ended(gate.call_mut(), now, AttemptEnd::NoResponse, effects);
        }
        let head: [(&[u8], &[u8]); 1] = [(b":status", status.as_bytes())];
        with_worker(host, |worker| {
            gate.response_headers(HeaderView::new(&head), now, false, worker.cooldowns(host, now.0), effects);
        });
        gate.response_body(b"", true, now, effects);
        let mut answer = Direct::of_status(status);
        for effect in effects.drain(..) {
            if let Some(other) = answer.take(effect) {
                let _ = apply(host, other);
            }
        }
        let (status, headers) = answer.head();
        let _ = host.reply(status.unwrap_or(503), &headers, answer.body.as_deref().unwrap_or_default());
    }

    /// The headers of an answer to a request that the proxy has routed.
    fn proxied_response_headers(&mut self, host: &impl MemberHost, whole: bool) -> Action {
        if self.gate.wants_response_head() {
            let (gate, effects) = (&mut self.gate, &mut self.effects);
            host.with_headers(Headers::Response, |head| {
                gate.proxied_response_headers(head, host.proxy_answer(), Timestamp(host.now_us()), whole, effects);
            });
            self.apply_effects(host);
        }
        if self.gate.holds_response() { Action::Pause } else { Action::Continue }
    }

    pub(crate) fn response_body(&mut self, host: &impl MemberHost, size: usize, last: bool) -> Action {
        if self.paced.is_some() || self.gate.paces_response() {
            return self.paced_chunk(host, size, last);
        }
        if self.ending {
            let _ = host.replace_body(Body::Response, b"");
            let _ = host.reset_response();
            return Action::Continue;
        }
        if self.gate.holds_response() && !last {
            return self.response_grows(host, size);
        }
        self.response_chunk(host, size, last);
        Action::Continue
    }

    pub(crate) fn response_trailers(&mut self, host: &impl MemberHost) -> Action {
        if self.paced.is_some() {
            return self.paced_trailers(host);
        }
        if self.gate.holds_response() {
            // The body's last chunk did not say that it was the last.
            self.response_chunk(host, self.response_buffered, true);
        }
        let resets = self.gate.response_trailers(false, Timestamp(host.now_us()), &mut self.effects);
        self.apply_effects(host);
        if resets { Action::Pause } else { Action::Continue }
    }

    /// A held response: it waits for the rest of its body, unless it need not any more.
    fn response_grows(&mut self, host: &impl MemberHost, size: usize) -> Action {
        self.response_buffered = size;
        let now = Timestamp(host.now_us());
        let holds = self.gate.response_body_grows(size as u64, now, &mut self.effects);
        self.apply_effects(host);
        if holds { Action::Pause } else { Action::Continue }
    }

    fn response_chunk(&mut self, host: &impl MemberHost, size: usize, last: bool) {
        let wanted = self.gate.wants_response_body() && size > 0;
        let chunk = if wanted { host.body(Body::Response, size) } else { Ok(Vec::new()) };
        match chunk {
            Err(NO_ROOM) => self.gate.response_out_of_memory(last, &mut self.effects),
            chunk => {
                let chunk = chunk.unwrap_or_default();
                self.gate.response_body(&chunk, last, Timestamp(host.now_us()), &mut self.effects);
            }
        }
        self.apply_effects(host);
    }

    /// A chunk of a paced response. The buffer begins with bytes of earlier chunks that are still paused.
    fn paced_chunk(&mut self, host: &impl MemberHost, size: usize, last: bool) -> Action {
        let buffer = host.body(Body::Response, size);
        let no_room = buffer == Err(NO_ROOM);
        let buffer = buffer.unwrap_or_default();
        let (paused, chunk) = buffer.split_at_checked(self.paused_bytes()).unwrap_or_default();
        if self.ending {
            self.effects.push(Effect::ReplaceChunk(Vec::new()));
        } else if no_room {
            self.gate.response_out_of_memory(last, &mut self.effects);
        } else {
            self.gate.response_body(chunk, last, Timestamp(host.now_us()), &mut self.effects);
        }
        let length = self.write_behind(host, paused).unwrap_or(size);
        self.pause_response(host, length, last)
    }

    /// Bytes at the beginning of the buffer that have been decided on.
    fn paused_bytes(&self) -> usize {
        self.paced.filter(|_| pending_resumes::is_pending(self.context)).unwrap_or(0)
    }

    /// Applies the effects, of which one may replace the bytes behind `paused`. Returns the length of a buffer that changed.
    fn write_behind(&mut self, host: &impl MemberHost, paused: &[u8]) -> Option<usize> {
        let at = self.effects.iter().position(|effect| matches!(effect, Effect::ReplaceChunk(_)));
        let replacement = at.map(|at| self.effects.remove(at));
        self.apply_effects(host);
        let Some(Effect::ReplaceChunk(bytes)) = replacement else { return None };
        let all = [paused, bytes.as_slice()].concat();
        let _ = host.replace_body(Body::Response, &all);
        Some(all.len())
    }

    /// Pauses the response until the next tick. The first chunk must not be empty: the host has no buffer for such a one.
    fn pause_response(&mut self, host: &impl MemberHost, length: usize, last: bool) -> Action {
        if self.paced.is_none() && length == 0 {
            return Action::Continue;
        }
        self.paced = Some(length);
        if length > 0 || last {
            pending_resumes::begin(host, self.context);
        }
        Action::Pause
    }

    /// The trailers of a paced response: held text goes before them.
    fn paced_trailers(&mut self, host: &impl MemberHost) -> Action {
        let is_paused = pending_resumes::is_pending(self.context);
        let paused = match self.paused_bytes() {
            0 => Vec::new(),
            size => host.body(Body::Response, size).unwrap_or_default(),
        };
        self.gate.response_trailers(true, Timestamp(host.now_us()), &mut self.effects);
        let written = self.write_behind(host, &paused);
        if is_paused || written.is_none_or(|length| length == 0) {
            pending_resumes::forget(self.context);
            return Action::Continue;
        }
        pending_resumes::begin(host, self.context);
        Action::Pause
    }
}
