//! The filter in a provider's cluster: feeds one try to an [`Attempt`] and does what it says.

use crate::host::{self, Buffer, Headers};
use crate::worker::{apply, current, with_worker};
use headgate_policy::{Attempt, AttemptEnd, Effects, Head, Moment};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::rc::Rc;

/// Bytes of a held answer that are copied into the VM at a time: its beginning is all that is needed of it.
const PIECE: usize = 4 << 10;

/// Envoy's response flag for a stream that the provider has reset (UR). Its connection lives on, so it speaks HTTP/2.
const STREAM_RESET: u64 = 0x10;

/// See the module's text.
pub(crate) struct AttemptContext {
    provider: Rc<str>,
    attempt: Option<Attempt>,
    effects: Effects,
    body_sent: bool,
    /// The response is held; so many bytes of its body have been looked at.
    held: Option<usize>,
}

impl AttemptContext {
    pub(crate) fn new(provider: &Rc<str>) -> Self {
        Self { provider: Rc::clone(provider), attempt: None, effects: Effects::new(), body_sent: false, held: None }
    }

    fn perform(&mut self) {
        let now_us = host::now_us();
        for effect in self.effects.drain(..) {
            let _ = apply(effect, now_us);
        }
    }

    /// What the host knows of a try that brought no response: without a connection there is no local address.
    fn end(now_us: u64) -> AttemptEnd {
        let Some(address) = connection() else { return AttemptEnd::NotConnected };
        let kept = with_worker(|worker| worker.connections.has_answered(&address, now_us)) == Some(true);
        if kept || host::response_flags() & STREAM_RESET != 0 { AttemptEnd::Lost } else { AttemptEnd::NoResponse }
    }

    /// Shows the attempt what has come of a held response, and lets the host pass it on once it is decided.
    fn opening(&mut self, size: usize, last: bool) -> Action {
        let (Some(mut looked), Some(attempt)) = (self.held.take(), &mut self.attempt) else { return Action::Continue };
        let now = Moment(host::now_us());
        let mut holds = true;
        while holds && (looked < size || last) {
            let piece = match size.saturating_sub(looked).min(PIECE) {
                0 => Vec::new(),
                length => host::buffer_part(Buffer::ResponseBody, looked, length).unwrap_or_default(),
            };
            looked = looked.saturating_add(piece.len());
            // A host that gives less than it said has nothing more.
            let ends = piece.is_empty() || looked >= size;
            holds = attempt.response_body(&piece, last && ends, now, &mut self.effects);
            if ends {
                break;
            }
        }
        self.held = holds.then_some(looked);
        self.perform();
        if holds { Action::Pause } else { Action::Continue }
    }
}

/// What tells this try's connection from others.
fn connection() -> Option<Vec<u8>> {
    host::property("upstream\0local_address").ok().filter(|address| !address.is_empty())
}

impl Context for AttemptContext {
    fn on_done(&mut self) -> bool {
        if let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.is_unanswered()) {
            let now_us = host::now_us();
            attempt.ended(Moment(now_us), Self::end(now_us), &mut self.effects);
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

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let encoded = host::headers(Headers::Response).unwrap_or_default();
        let fields = host::decode_pairs(&encoded);
        let now_us = host::now_us();
        if let Some(attempt) = &mut self.attempt {
            let (now, head) = (Moment(now_us), Head::new(&fields));
            self.held = attempt.response_headers(now, head, end_of_stream, &mut self.effects).then_some(0);
            if let Some(address) = connection() {
                with_worker(|worker| worker.connections.note(&address, now_us));
            }
        }
        self.perform();
        if self.held.is_some() { Action::Pause } else { Action::Continue }
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.opening(size, end_of_stream)
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        // Whatever there was of the body has been looked at.
        let looked = self.held.unwrap_or(0);
        self.opening(looked, true)
    }
}
