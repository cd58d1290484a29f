//! Tries by calls of the filter's own. An answer comes whole, with its head, so that nothing of it is out before it is decided on.

use super::tries::{Direct, copied};
use super::{SoleContext, is_of_envoy};
use crate::host::{Headers, OutgoingCall};
use crate::member::MemberHost;
use crate::worker::{apply, with_worker};
use headgate_policy::{Attempt, AttemptEnd, Effect, HeaderView, RETRY_HEADER, Timestamp};
use std::time::Duration;

/// Largest answer that is read; a longer one is cut, and then is none.
const MAX_ANSWER: usize = 64 << 20;

impl SoleContext {
    pub(super) fn begin_tries(&mut self, host: &impl MemberHost) {
        // The client's credential is out of the host's headers by now.
        let request = host.with_headers(Headers::Request, copied);
        self.direct = Some(Direct { request, retries: self.gate.retries_left(), ..Direct::default() });
        self.take_effects(host);
        self.next_try(host);
    }

    /// Carries effects out on the headers of the tries.
    fn take_effects(&mut self, host: &impl MemberHost) {
        // Providers are not to see words that are for Envoy.
        for effect in std::mem::take(&mut self.effects).into_iter().filter(|effect| !is_of_envoy(effect)) {
            let rest = self.direct.as_mut().and_then(|direct| direct.take(effect));
            if let Some(effect @ Effect::SetCooldown { .. }) = rest {
                let _ = apply(host, effect);
            }
        }
    }

    fn next_try(&mut self, host: &impl MemberHost) {
        let now = Timestamp(host.now_us());
        let Some(direct) = &mut self.direct else { return };
        let route = std::mem::take(&mut direct.route);
        direct.attempt = Attempt::begin(self.gate.call_mut(), &route, now, &mut self.effects);
        self.take_effects(host);
        if self.send_try(host, &route).is_none() {
            self.try_ended(host, AttemptEnd::NotConnected);
        }
    }

    /// Sends a try. `None` if that is not possible.
    fn send_try(&mut self, host: &impl MemberHost, route: &str) -> Option<()> {
        let to = self.gate.origin_of(route)?;
        let direct = self.direct.as_mut()?;
        let mut body = Vec::new();
        direct.attempt.as_ref()?.body(self.gate.call(), |piece| body.extend_from_slice(piece));
        let fields = direct.request.iter().filter(|(name, _)| name != "content-length");
        let headers: Vec<(&str, &str)> = fields.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let timeout = Duration::from_millis(self.gate.first_byte_timeout_ms());
        let token = host.call(OutgoingCall { to, headers: &headers, body: Some(&body), timeout }).ok()?;
        direct.token = Some(token);
        self.under_way = self.under_way.saturating_add(1);
        Some(())
    }

    /// The answer to a try is there, or its failure.
    pub(super) fn try_answered(&mut self, host: &impl MemberHost, body_size: usize) {
        if host.call_status().is_none() {
            let careful = !self.gate.treats_connect_like_reset();
            let end = if careful { AttemptEnd::NoResponse } else { AttemptEnd::NotConnected };
            return self.try_ended(host, end);
        }
        let body = host.call_body(body_size.min(MAX_ANSWER)).unwrap_or_default();
        let now = Timestamp(host.now_us());
        host.with_call_headers(|head| self.judge(head, &body, now));
        self.take_effects(host);
        let Some(direct) = &mut self.direct else { return };
        let again = direct.response.iter().any(|(name, _)| name == RETRY_HEADER);
        if again && direct.retries > 0 && !direct.route.is_empty() {
            direct.retries = direct.retries.saturating_sub(1);
            return self.next_try(host);
        }
        self.pass_answer(host, body, now);
    }

    /// Shows an answer to its attempt.
    fn judge(&mut self, head: HeaderView<'_>, body: &[u8], now: Timestamp) {
        let Some(direct) = &mut self.direct else { return };
        direct.token = None;
        direct.response = copied(head);
        let (call, effects) = (self.gate.call_mut(), &mut self.effects);
        let Some(attempt) = &mut direct.attempt else { return };
        if attempt.response_headers(call, now, head, body.is_empty(), effects) {
            attempt.response_body(call, body, true, now, effects);
        }
    }

    /// A try has ended without an answer.
    fn try_ended(&mut self, host: &impl MemberHost, end: AttemptEnd) {
        let now = Timestamp(host.now_us());
        let timeout_us = self.gate.first_byte_timeout_ms().saturating_mul(1_000);
        let started = self.gate.call().last_try_started();
        let Some(direct) = &mut self.direct else { return };
        direct.token = None;
        direct.late = started.is_some_and(|started| now.us_since(started).saturating_add(50_000) >= timeout_us);
        if let Some(attempt) = &mut direct.attempt {
            attempt.ended(self.gate.call_mut(), now, end, &mut self.effects);
        }
        self.take_effects(host);
        let Some(direct) = &mut self.direct else { return };
        if direct.retries > 0 && !direct.route.is_empty() {
            direct.retries = direct.retries.saturating_sub(1);
            return self.next_try(host);
        }
        direct.response = vec![(":status".to_owned(), if direct.late { "504" } else { "503" }.to_owned())];
        self.pass_answer(host, Vec::new(), now);
    }

    /// Sends the client the answer of a provider, or the gateway's words for its absence.
    fn pass_answer(&mut self, host: &impl MemberHost, body: Vec<u8>, now: Timestamp) {
        let Some(direct) = &self.direct else { return };
        let response = direct.response.clone();
        let fields: Vec<(&[u8], &[u8])> =
            response.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let (gate, effects) = (&mut self.gate, &mut self.effects);
        let cooldowns = with_worker(host, |worker| worker.cooldowns(host, now.0).clone()).unwrap_or_default();
        gate.response_headers(HeaderView::new(&fields), now, false, &cooldowns, effects);
        let held = !gate.holds_response() || gate.response_body_grows(body.len() as u64, now, effects);
        if held {
            gate.response_body(&body, true, now, effects);
        }
        self.take_effects(host);
        self.send_answer(host, body);
    }

    fn send_answer(&mut self, host: &impl MemberHost, body: Vec<u8>) {
        let Some(mut direct) = self.direct.take() else { return };
        let body = direct.body.take().unwrap_or(body);
        let (status, headers) = direct.head();
        self.send_reply(host, status.unwrap_or(503), &headers, &body);
        self.answered(host);
    }
}
