//! An answer to tries of the host: it passes chunk by chunk. Its head is out before its body, so a guardrail can change the bytes of a
//! JSON answer, and its status no more.

use super::SoleContext;
use crate::host::{Action, Body, Headers};
use crate::member::MemberHost;
use crate::worker::with_worker;
use headgate_policy::{Effect, HeaderView, Timestamp};

impl SoleContext {
    /// The response's headers, of a provider, of the gateway itself, or of another plugin.
    pub fn response_headers(&mut self, host: &impl MemberHost) -> Action {
        if self.closed {
            return Action::Continue;
        }
        if !self.begun {
            self.answered_before(host);
            return Action::Continue;
        }
        let tries = host.host_tries();
        let now = Timestamp(host.now_us());
        let cooldowns = with_worker(host, |worker| worker.cooldowns(host, now.0).clone()).unwrap_or_default();
        let (gate, effects) = (&mut self.gate, &mut self.effects);
        host.with_headers(Headers::Response, |head: HeaderView<'_>| {
            gate.delegated_response_headers(head, &tries, now, &cooldowns, effects);
        });
        if self.gate.is_left_alone() {
            self.apply_effects(host);
            self.close(host);
            return Action::Continue;
        }
        // The length may change, and the head is out by then.
        self.effects.push(Effect::RemoveResponseHeader("content-length".into()));
        self.apply_effects(host);
        self.head_is_open = false;
        if host.await_response_body().is_err() {
            // No chunk would be shown: none may pass.
            let _ = host.reset_response();
        }
        Action::Continue
    }

    /// Another plugin has answered before this one came into play.
    fn answered_before(&mut self, host: &impl MemberHost) {
        self.begun = true;
        let (gate, effects) = (&mut self.gate, &mut self.effects);
        host.with_headers(Headers::Request, |request| {
            host.with_headers(Headers::Response, |response| gate.answered_by_host(request, response, effects));
        });
        self.apply_effects(host);
        self.close(host);
    }

    /// A chunk of the response's body.
    pub fn response_body(&mut self, host: &impl MemberHost, size: usize, last: bool) -> Action {
        if self.cut && (size > 0 || last) {
            let _ = host.reset_response();
        }
        if !self.begun || self.closed || self.cut {
            return Action::Continue;
        }
        let chunk = if size > 0 { host.body(Body::Response, size) } else { Ok(Vec::new()) };
        match chunk.ok().filter(|chunk| chunk.len() == size) {
            // Text that cannot be read must not pass a guardrail.
            None => self.gate.response_out_of_memory(last, &mut self.effects),
            Some(chunk) if self.gate.holds_response() => self.held_chunk(host, &chunk, last),
            Some(chunk) => self.gate.response_body(&chunk, last, Timestamp(host.now_us()), &mut self.effects),
        }
        self.apply_effects(host);
        // A stream that is cut has no last chunk.
        if last || self.cut {
            self.close(host);
        }
        Action::Continue
    }

    /// A chunk of a response that waits until it is whole.
    fn held_chunk(&mut self, host: &impl MemberHost, chunk: &[u8], last: bool) {
        self.held.extend_from_slice(chunk);
        let now = Timestamp(host.now_us());
        if !last {
            let effects = &mut self.effects;
            let holds = self.gate.response_body_grows(self.held.len() as u64, now, effects);
            if holds {
                effects.push(Effect::ReplaceChunk(Vec::new()));
            }
            return;
        }
        let whole = std::mem::take(&mut self.held);
        self.gate.response_body(&whole, true, now, &mut self.effects);
        let replaced = self.effects.iter().any(|effect| matches!(effect, Effect::ReplaceChunk(_)));
        if !replaced {
            self.effects.push(Effect::ReplaceChunk(whole));
        }
    }
}
