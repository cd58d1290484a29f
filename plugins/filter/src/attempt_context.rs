//! The filter in a provider's cluster: feeds one try to an [`Attempt`] and does what it says.

use crate::host::{self, Buffer, Headers};
use crate::worker::{apply, current};
use headgate_policy::{Attempt, AttemptEnd, Effects, Head, Moment};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::rc::Rc;

/// See the module's text.
pub(crate) struct AttemptContext {
    provider: Rc<str>,
    attempt: Option<Attempt>,
    effects: Effects,
    body_sent: bool,
}

impl AttemptContext {
    pub(crate) fn new(provider: &Rc<str>) -> Self {
        Self { provider: Rc::clone(provider), attempt: None, effects: Effects::new(), body_sent: false }
    }

    fn perform(&mut self) {
        let now_us = host::now_us();
        for effect in self.effects.drain(..) {
            let _ = apply(effect, now_us);
        }
    }

    /// What the host knows of a try that brought no response: without a connection there is no local address.
    fn end() -> AttemptEnd {
        match host::property("upstream\0local_address") {
            Ok(address) if !address.is_empty() => AttemptEnd::NoResponse,
            _ => AttemptEnd::NotConnected,
        }
    }
}

impl Context for AttemptContext {
    fn on_done(&mut self) -> bool {
        if let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.is_unanswered()) {
            attempt.ended(Moment(host::now_us()), Self::end(), &mut self.effects);
            self.perform();
        }
        true
    }
}

impl HttpContext for AttemptContext {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let now = Moment(host::now_us());
        self.attempt = current().and_then(|call| Attempt::begin(&call, &self.provider, now, &mut self.effects));
        if self.attempt.is_none() {
            // Without its call there is no credential and no body to send: nothing may go out. The gate puts its own words
            // in place of this body.
            let _ = host::send_local_response(503, &[], b"headgate: this try has no request");
            return Action::Pause;
        }
        self.perform();
        Action::Continue
    }

    /// The gate passed nothing on; the whole body for this provider comes from the call.
    fn on_http_request_body(&mut self, _: usize, _: bool) -> Action {
        if let (Some(attempt), false) = (&self.attempt, std::mem::replace(&mut self.body_sent, true)) {
            attempt.body(|piece| {
                let _ = host::append_buffer(Buffer::RequestBody, piece);
            });
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        let encoded = host::headers(Headers::Response).unwrap_or_default();
        let fields = host::decode_pairs(&encoded);
        if let Some(attempt) = &mut self.attempt {
            attempt.response_headers(Moment(host::now_us()), Head::new(&fields), &mut self.effects);
        }
        self.perform();
        Action::Continue
    }
}
